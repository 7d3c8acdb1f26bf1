// Asks the service, and sorts what can go wrong into two kinds that the page words differently.

/** No response: the service is stopped, the network is down, or the response took too long. */
export class Unreachable extends Error {}

/** The service answered with a problem document (RFC 9457), or with an error that is not one. */
export class Refused extends Error {
  constructor(status, problem, traceId) {
    super(problem.detail || problem.title || `The service answered with status ${status}.`);
    this.status = status;
    this.title = problem.title || "The service answered with an error";
    this.detail = problem.detail || "";
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    this.traceId = problem.trace_id || traceId;
  }
}

/**
 * The JSON body of an answer. `accept` lists statuses besides 2xx whose body is an answer too.
 * Throws Unreachable or Refused.
 */
export async function ask(path, { method = "GET", body, seconds = 5, accept = [] } = {}) {
  const answer = await send(path, method, body, seconds);
  const data = await answer.json().catch(() => null);
  if (answer.ok && data === null) throw new Unreachable("The answer was not complete.");
  if (answer.ok || (data !== null && accept.includes(answer.status))) return data;
  throw new Refused(answer.status, data ?? {}, answer.headers.get("X-Trace-Id"));
}

async function send(path, method, body, seconds) {
  try {
    return await fetch(path, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { Accept: "application/json", ...(body !== undefined && { "Content-Type": "application/json" }) },
      cache: "no-store",
      signal: AbortSignal.timeout(seconds * 1000),
    });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Unreachable(late ? `It did not answer within ${seconds} seconds.` : "Nothing answers at its address.");
  }
}
