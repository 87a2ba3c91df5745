/** What this process has, in octets, once what it can let go of is gone. Run with --expose-gc. */
export function memory() {
  for (let i = 0; i < 3; i++) globalThis.gc()
  const { rss, heapUsed } = process.memoryUsage()
  return { rss, heapUsed }
}
