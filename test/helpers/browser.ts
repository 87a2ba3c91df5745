import { WebSocket } from 'undici'
import { Daemon, pause, peer, temporaryFolder } from './peer.js'

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--hide-scrollbars',
  '--disable-component-update', '--disable-sync', '--remote-debugging-port=0',
] // prettier-ignore

/** Where its debugging protocol is. */
const LISTENING = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//

interface Answer {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

/** How a page is looked at. */
export interface View {
  readonly width: number
  readonly height: number
  readonly dark?: boolean
}

/** One page of a headless Chromium, driven by its debugging protocol. */
export class Page {
  /** What was logged as an error or warning, and exceptions nobody caught, since the last {@link goto}. */
  readonly complaints: string[] = []
  /** Addresses of everything that was asked for since the last {@link goto}. */
  readonly requests: string[] = []
  readonly #daemon: Daemon
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>()
  #id = 0

  private constructor(daemon: Daemon, socket: WebSocket) {
    this.#daemon = daemon
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(data as string) as Answer))
  }

  /** Starts a Chromium of its own, and opens an empty page. */
  static async open(): Promise<Page> {
    const profile = temporaryFolder('chromium')
    const daemon = new Daemon(peer('chromium')!, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'])
    await daemon.until((output) => LISTENING.test(output))
    const [, port] = LISTENING.exec(daemon.output)!
    let url: string | undefined
    while (url === undefined) {
      const pages = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { type: string; webSocketDebuggerUrl: string }[] // prettier-ignore
      url = pages.find(({ type }) => type === 'page')?.webSocketDebuggerUrl
      if (url === undefined) await pause(50)
    }
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    const page = new Page(daemon, socket)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Accessibility']) await page.send(`${domain}.enable`)
    return page
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  async goto(url: string): Promise<void> {
    this.complaints.length = this.requests.length = 0
    await this.send('Page.navigate', { url })
  }

  async view({ width, height, dark = false }: View): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 })
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]
    await this.send('Emulation.setEmulatedMedia', { features })
  }

  /** What `expression` comes to in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }) // prettier-ignore
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value: T }).value
  }

  /** Resolves with what `expression` comes to once that is truthy; rejects after 15 s. */
  async until<T>(expression: string): Promise<T> {
    const limit = performance.now() + 15_000
    for (;;) {
      const value = await this.evaluate<T | undefined>(expression).catch(() => undefined)
      if (value !== undefined && Boolean(value)) return value
      if (performance.now() > limit)
        throw new Error(`${expression} is still ${String(value)}; ${this.complaints.join()}`)
      await pause(50)
    }
  }

  /** The page as a PNG, its whole length where `full`. */
  async screenshot(full = true): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: full })
    return Buffer.from(data as string, 'base64')
  }

  async close(): Promise<void> {
    this.#socket.close()
    this.#daemon.signal('SIGKILL')
    await this.#daemon.ended()
  }

  #take({ id, method, params, result, error }: Answer): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error !== undefined) waiting?.reject(new Error(error.message))
      else waiting?.resolve(result ?? {})
    } else this.#note(method ?? '', params as never)
  }

  #note(
    method: string,
    params: { type: string; args: unknown; request: { url: string }; entry: { level: string } },
  ): void {
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url)
    else if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params))
    else if (method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(params.type)) this.complaints.push(JSON.stringify(params.args)) // prettier-ignore
    else if (method === 'Log.entryAdded' && ['error', 'warning'].includes(params.entry.level)) this.complaints.push(JSON.stringify(params.entry)) // prettier-ignore
  }
}
