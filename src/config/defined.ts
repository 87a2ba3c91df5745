/** An object with `key` if there is a value for it: options that are absent have defaults, those that are undefined not always. */
export function defined<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }
}
