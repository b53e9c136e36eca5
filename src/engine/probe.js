// @ts-check
// What workers of every engine use to find out whether their device is there.

/** A model of one Identity (65 bytes): with it the runtime's files and its device are there before any work begins. */
const identity = 'CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEA0='

/** Bytes of the smallest model that a runtime loads. */
export function probeModel() {
  return Uint8Array.from(atob(identity), (c) => c.charCodeAt(0))
}

/**
 * An error whose code the pool takes over.
 * @param {import('../errors.js').ErrorCode} code
 * @param {string} message
 */
export function refusal(code, message) {
  return Object.assign(new Error(message), { name: 'LetheError', code })
}

/**
 * First line of what the runtime says.
 * @param {unknown} error
 */
export function firstLineOf(error) {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
