/** An address to listen on as `createServer` reads it; a host of '' is every address. */
export function formatListen(host: string, port: number): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}
