export type { Config, ConfigFormat, ConfigProblem, ServiceOptions } from './config.js'
export { loadConfig, parseConfig, type ConfigOptions } from './load.js'
export { ConfigError, problemText } from './problems.js'
