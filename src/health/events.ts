import type { ProbeFailure } from './probe.js'
import type { HealthState } from './state.js'

/** A member was probed. */
export interface ProbeEvent {
  readonly upstream: string
  /** `void`: it counts for nothing, and `excuse` says why. */
  readonly result: 'good' | 'bad' | 'void'
  /** What went wrong; null for a good probe, and where only our own side did. */
  readonly failure: ProbeFailure | null
  /**
   * Why a probe that wasn't good is not charged to the member: the event loop stood still; an error of this machine,
   * such as no route or no descriptors; or the network changed within the last three seconds.
   */
  readonly excuse: 'stall' | 'our side' | 'new network' | null
  /** RCODE number of the reply, if there was one. */
  readonly rcode: number | null
  /** What was thrown, if anything was. */
  readonly error: unknown
  /** How long it took, in ms. */
  readonly elapsed: number
  /** The member's state after it. */
  readonly state: HealthState
  /** When the next probe is due, in ms from now; Infinity when none is. */
  readonly nextProbe: number
}

/** Why a member's state changed, and what says so. */
export type ChangeReason =
  | {
      readonly cause: 'probe'
      readonly evidence: {
        /** Good and bad probes in a row, this one among them. */
        readonly good: number
        readonly bad: number
        /** What went wrong with the last one; null if it was good. */
        readonly failure: ProbeFailure | null
      }
    }
  | {
      /** Real queries failed, in lazy mode. */
      readonly cause: 'queries'
      readonly evidence: { readonly samples: number; readonly failed: number }
    }
  | {
      /** The network is another one, or this machine slept. */
      readonly cause: 'network'
      readonly evidence: { readonly reason: string }
    }

/** What checks say of a member changed. */
export type ChangeEvent = ChangeReason & {
  readonly upstream: string
  readonly from: HealthState
  readonly to: HealthState
  /** When the next probe is due, in ms from now; Infinity when none is. */
  readonly nextProbe: number
}

/** Events of a `HealthMonitor`. */
export interface HealthMonitorEvents {
  /** After each probe, one that counts for nothing too. */
  probe: [event: ProbeEvent]
  /** A member's state changed. */
  change: [event: ChangeEvent]
}
