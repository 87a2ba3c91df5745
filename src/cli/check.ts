import { ConfigError, loadConfig, problemText, type Config } from '../config/index.js'
import { Forwarder } from '../forwarder/forwarder.js'
import { parseArguments, type OptionSpecs } from './arguments.js'
import { EXIT, UsageError, type CommandContext, type Output } from './command.js'
import { CHECK_HELP } from './help.js'
import { printable } from './reply-text.js'

/** Options for what is encrypted, and where each listens by itself. */
const ENCRYPTED = [['tls', '127.0.0.1:853'], ['https', '127.0.0.1:443'], ['quic', '127.0.0.1:853'], ['h3', '127.0.0.1:443']] as const // prettier-ignore
const OPTIONS = { help: { short: 'h' } } as const satisfies OptionSpecs

/** `headrace check`: reads configurations as `headrace serve` would, opens nothing, and says what is wrong. */
export async function check({ args: given, stdout, stderr }: CommandContext): Promise<number> {
  const args = parseArguments(OPTIONS, given)
  if (args.has('help')) {
    stdout.write(CHECK_HELP)
    return EXIT.OK
  }
  if (args.positionals.length === 0) throw new UsageError('check needs the name of a file')
  let code: number = EXIT.OK
  for (const file of args.positionals) {
    const config = await load(file, stderr)
    if (config === null) code = EXIT.FAILED
    else summarize(config, stdout)
  }
  return code
}

/** Null: it can't be used, and everything that is wrong was said. */
async function load(file: string, stderr: Output): Promise<Config | null> {
  try {
    const config = await loadConfig(file)
    for (const warning of config.warnings) stderr.write(`${printable(`warning: ${problemText(warning)}`)}\n`)
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) stderr.write(`${printable(problemText(problem))}\n`)
    return null
  }
}

function summarize({ file, format, forwarder: options, server }: Config, out: Output): void {
  const forwarder = new Forwarder(options)
  try {
    out.write(`${printable(file ?? '')}: good (${format})\n`)
    out.write(`  Listen: ${listenTexts(server).join(', ')}\n`)
    for (const { name, strategy, priority, members } of forwarder.pools) {
      out.write(`  Pool ${printable(name)} (${strategy.name}, priority ${priority}):\n`)
      for (const member of members) out.write(`    - ${printable(member.name)}\n`)
    }
    for (const suffix of Object.keys(options.routes ?? {})) out.write(`  Route: ${printable(suffix)}\n`)
  } finally {
    forwarder.destroy()
  }
}

/** Where is listened; in the clear nowhere that isn't said, once something encrypted is. */
function listenTexts(server: Config['server']): readonly string[] {
  const encrypted = ENCRYPTED.flatMap(([name, usual]) => {
    const given = server[name]
    return given === undefined ? [] : [given.listen ?? usual].flat().map((address) => `${address} (${name})`)
  })
  return [[server.listen ?? (encrypted.length === 0 ? '127.0.0.1:53' : [])].flat(), encrypted].flat()
}
