/** One label's node: the value that ends here, and the labels below. */
class Node<V> {
  value: V | null = null
  suffix = '.'
  readonly below = new Map<string, Node<V>>()
}

/** What {@link SuffixTree.find} finds. */
export interface Match<V> {
  /** The suffix in presentation form, as it was added. */
  readonly suffix: string
  readonly value: V
}

/**
 * Values by domain suffix; the longest suffix of a name wins. Labels are compared as octets, ASCII letters without
 * case (RFC 4343), so that a label that holds a dot or `__proto__` is just a label.
 */
export class SuffixTree<V> {
  readonly #root = new Node<V>()

  /** @param wire the suffix as an uncompressed name; @returns false when it is there already */
  add(wire: Buffer, suffix: string, value: V): boolean {
    let node = this.#root
    for (const label of labels(wire, 0).reverse()) {
      let next = node.below.get(label)
      if (next === undefined) node.below.set(label, (next = new Node()))
      node = next
    }
    if (node.value !== null) return false
    node.value = value
    node.suffix = suffix
    return true
  }

  /** The longest suffix of the uncompressed name at `at` in `wire`, or null. */
  find(wire: Buffer, at: number): Match<V> | null {
    let node: Node<V> | undefined = this.#root
    let best: Node<V> | null = null
    const path = labels(wire, at)
    for (let i = path.length; node !== undefined; node = node.below.get(path[--i]!)) {
      if (node.value !== null) best = node
      if (i === 0) break
    }
    return best === null ? null : { suffix: best.suffix, value: best.value! }
  }
}

/** The labels of a name as latin1 in lower case, the leftmost first. */
function labels(wire: Buffer, at: number): string[] {
  const out: string[] = []
  for (let length = wire[at]!; length > 0; length = wire[at]!) {
    out.push(lowerAscii(wire.toString('latin1', at + 1, at + 1 + length)))
    at += 1 + length
  }
  return out
}

/** ASCII letters only: latin1 has letters of its own above 0x7F, which DNS doesn't fold. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
