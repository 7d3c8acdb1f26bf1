// Numbers and times as people read them. One language, so that figures can be compared with the dashboards.
const LANGUAGE = "en-GB";
const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2 });

export const count = (value) => whole.format(value);
export const decimal = (value) => one.format(value);
// Two decimals: 4.96 % must not be shown as the 5 % at which the colour changes.
export const percent = (value) => `${two.format(value)} %`;

/** Dollars; four decimals below one dollar, because a single answer costs a fraction of a cent. */
export function dollars(value) {
  return `$${value.toFixed(value !== 0 && value < 1 ? 4 : 2)}`;
}

/** A length of time in its two largest units. */
export function duration(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds)} s`;
}

export const clock = (date) => date.toLocaleTimeString(LANGUAGE);

/** Day and time of a timestamp in the reader's own time zone; the time alone when it is today. */
export function moment(timestamp) {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return String(timestamp);
  if (date.toDateString() === new Date().toDateString()) return clock(date);
  return date.toLocaleString(LANGUAGE, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

/** Day and time of an appointment on the clock of the business, whatever the reader's own time zone is. */
export function appointmentTime(startsAt, timeZone) {
  const shape = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  return new Date(startsAt).toLocaleString(LANGUAGE, { ...shape, timeZone: timeZone || "UTC" });
}

/** Starts with a capital letter. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
