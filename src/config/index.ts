export type { Config, ConfigFormat, ConfigProblem, ServiceOptions } from './config.js'
export { loadConfig, parseConfig, type ConfigOptions } from './load.js'
export { ConfigError, problemText } from './problems.js'
export {
  deploy,
  Deployment,
  type AppliedEvent,
  type DeployedConfig,
  type DeploymentEvents,
  type DeploymentOptions,
} from './deployment.js'
