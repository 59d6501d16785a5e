/**
 * A client whose failures are noted, and whose waits are over at once: the time that
 * they would have taken is noted and passes. Time-outs do not end, but for bodies that the simulated org
 * left half sent; databases and leases keep the real clock.
 */
import type { ChangeSource } from "@tidemark/core"
import type { SalesforceClient } from "@tidemark/provider-salesforce"
import type { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export interface Waiting {
  readonly clock: Clock.Clock
  /** What was waited, in ms, in order. */
  readonly waits: Array<number>
  /** Why what the client was asked for failed, in order. */
  readonly reasons: Array<string>
}

/** The longest wait of a client, with what is added by chance; what takes longer is a time-out. */
const waitMax = 11_000

/** How long a client waits for the next piece of a body. */
const idle = 30_000

/** Turns of the event loop after which what this process sent itself has arrived. */
const turnsMax = 100

export const make = (org: Simulator.Simulator): Waiting => {
  const waits: Array<number> = []
  let now = Date.UTC(2026, 4, 1)
  const millis = () => now
  const nanos = () => BigInt(Math.round(now)) * 1_000_000n
  const pass = (length: number) =>
    Effect.sync(() => {
      waits.push(length)
      now += length
    })
  const sleep = (duration: Duration.Duration): Effect.Effect<void> => {
    const length = Duration.toMillis(duration)
    if (length <= 0) return Effect.void
    if (length <= waitMax) return Effect.andThen(pass(length), turn)
    return length === idle ? Effect.andThen(untilStalled(org), pass(length)) : Effect.never
  }
  return {
    waits,
    reasons: [],
    clock: {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep
    }
  }
}

/** The client, by this clock. */
export const slowed = (
  client: SalesforceClient.SalesforceClient["Service"],
  { clock, reasons }: Waiting
): SalesforceClient.SalesforceClient["Service"] => {
  const note = ({ reason }: ChangeSource.SourceError) => Effect.sync(() => void reasons.push(reason))
  const by = <A>(effect: Effect.Effect<A, ChangeSource.SourceError>) =>
    Effect.provideService(Effect.tapError(effect, note), Clock.Clock, clock)
  return {
    time: by(client.time),
    organization: by(client.organization),
    describe: (object) => by(client.describe(object)),
    describeGlobal: by(client.describeGlobal),
    query: (soql, options) => by(client.query(soql, options)),
    queryAll: (soql, options) => by(client.queryAll(soql, options)),
    queryMore: (next) => by(client.queryMore(next)),
    pages: (soql, options) =>
      Stream.provideService(Stream.tapError(client.pages(soql, options), note), Clock.Clock, clock),
    deleted: (object, window) => by(client.deleted(object, window)),
    updated: (object, window) => by(client.updated(object, window)),
    limits: by(client.limits)
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const turn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

const hasStalled = ({ control }: Simulator.Simulator) =>
  Effect.map(control.faults, (faults) => faults.some(({ fired, plan }) => plan.kind === "stall" && fired > 0))

/**
 * Nothing is under way once the event loop has turned often enough: the org is in this
 * process. A time-out of an answer that comes late all the same costs a repetition.
 */
const untilStalled = (org: Simulator.Simulator) =>
  Effect.gen(function* () {
    if (!(yield* hasStalled(org))) return yield* Effect.never
    for (let turns = 0; turns < turnsMax; turns++) yield* turn
  })
