export type { Config, ConfigFormat, ConfigProblem, ServiceOptions } from './config.js'
