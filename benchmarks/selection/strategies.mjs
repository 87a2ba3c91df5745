// The simulator is TypeScript and runs on the sources: nothing to build, and its types are checked with the rest.
import { register } from 'tsx/esm/api'

register()
await import('./main.ts')
