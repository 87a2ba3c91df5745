export { createStatusHandler, type StatusHandler } from './handler.js'
export { serveStatus, type ServeStatusOptions, type StatusServer } from './serve.js'
export type { StatusOptions } from './options.js'
export type { SnapshotFunction, StatusActions, StatusSource } from './source.js'
export type {
  CacheReport,
  PoolReport,
  ServerReport,
  ShownState,
  StatusReport,
  UpstreamReport,
  UpstreamSeries,
} from './report.js'
