import { extname } from 'node:path'
import type { ConfigFormat } from './config.js'
import { refuse } from './problems.js'

const KNOWN = 'TOML, JSON, the INI of dns-proxy, and the YAML of lazydns or dnsdist'

/** Whose document it is, by the ending of its file, and by what is in it. @throws {ConfigError} nobody's that we know */
export function formatOf(text: string, file: string | null): ConfigFormat {
  switch (file === null ? '' : extname(file).toLowerCase()) {
    case '.toml':
      return 'toml'
    case '.json':
      return 'json'
    case '.ini':
      return 'dns-proxy'
    case '.yaml':
    case '.yml':
      return ofYaml(text, file)
    default:
      return byText(text, file)
  }
}

function ofYaml(text: string, file: string | null): ConfigFormat {
  if (/^plugins\s*:/m.test(text)) return 'lazydns'
  if (/^(?:backends|binds|acl|load_balancing_policies)\s*:/m.test(text)) return 'dnsdist'
  return refuse(file, { line: 1, column: 1 }, 'has neither "plugins" (lazydns) nor "backends" (dnsdist)')
}

function byText(text: string, file: string | null): ConfigFormat {
  if (/^\s*\{/.test(text)) return 'json'
  if (/^\s*\[(?:forwarder-dns|dns-proxy)\]/m.test(text)) return 'dns-proxy'
  if (/^(?:plugins|backends|binds)\s*:/m.test(text)) return ofYaml(text, file)
  const lua = /\b(?:newServer|setLocal|addLocal|setACL)\s*\(/.exec(text)
  if (lua !== null) {
    const line = text.slice(0, lua.index).split('\n').length
    refuse(
      file,
      { line, column: 1 },
      `is a dnsdist document in Lua, which is a program; write it in YAML (dnsdist 2.0). Read are ${KNOWN}`,
    )
  }
  return 'toml'
}
