// The optional choice of a business, and the names and time zones of all.
import { ask } from "./api.js";
import { capital } from "./format.js";
import { make } from "./dom.js";

const MOST = 200;

const known = new Map();
let loading = false;

/** Fills the list once; called again after a failure it tries again. Without it the chat works all the same. */
export async function fillBusinesses(select) {
  if (loading || known.size > 0) return;
  loading = true;
  try {
    const { businesses } = await ask(`/businesses?limit=${MOST}`);
    for (const business of businesses) known.set(business.id, business);
    select.append(...groups(businesses));
  } catch {
    // The banner over the cards says already that the service cannot be reached.
  } finally {
    loading = false;
  }
}

/** The time zone of a business, if the business is known. */
export const timeZoneOf = (businessId) => known.get(businessId)?.time_zone;

/** The name of a business, or its id where the name is not known. */
export const nameOf = (businessId) => known.get(businessId)?.name ?? businessId;

function groups(businesses) {
  const kinds = [...new Set(businesses.map((business) => business.kind))].sort();
  return kinds.map((kind) => {
    const group = make("optgroup");
    group.label = capital(kind);
    for (const { id, name, city } of businesses.filter((business) => business.kind === kind)) {
      const option = make("option", "", `${name}, ${city}`);
      option.value = id;
      group.append(option);
    }
    return group;
  });
}
