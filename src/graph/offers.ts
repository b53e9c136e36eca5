/** What is offered beside values, by their names, to who asks for it: a cheaper way to something that would be made of them. */
export class Offers<T> {
  readonly #byName = new Map<string, T>()

  /** Offers something beside a value, which is given back. */
  beside<V extends { readonly name: string }>(value: V, offered: T): V {
    this.#byName.set(value.name, offered)
    return value
  }

  of(value: { readonly name: string }): T | undefined {
    return this.#byName.get(value.name)
  }
}
