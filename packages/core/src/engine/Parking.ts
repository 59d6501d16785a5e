/**
 * Tries records again that wait for another one, the one they refer to.
 *
 * A record whose parent is not there is parked: a refusal of the code
 * `ParentMissing`, kept as any other, so that the cursor may pass it. Before a run
 * and after it, in a lane of their own, those that wait are tried again as they
 * were kept, until a pass brings none of them in. So a parent may come later in the
 * run, in another lane, or by another feed: a record waits no longer than until
 * the end of the run under way, or the next run of its subscription.
 *
 * What has waited for longer than `ageMax` is left to a redrive.
 *
 * **Guarantees**
 *
 * - once runs have ended nothing waits whose parent was there when they began;
 * - a record that is tried again is applied once, by the version gate;
 * - records that refer to each other are written when they are tried in one batch,
 *   and wait otherwise: a pass that brings nothing in is the last one.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Lane from "../model/Lane.ts"
import type * as Run from "../model/Run.ts"
import type * as Subscription from "../model/Subscription.ts"
import * as Write from "../model/Write.ts"
import * as Lanes from "../ports/Lanes.ts"
import * as Quarantine from "../ports/Quarantine.ts"
import * as Execution from "./Execution.ts"
import * as Redrive from "./Redrive.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** How long a record is tried again by itself. @category constants @since 0.1.0 */
export const ageMax = Duration.days(30)

/** Passes at a time; each but the last one brings something in. @category constants @since 0.1.0 */
export const passesMax = 1_000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The lane in which parked records of a subscription are tried again. @category constructors @since 0.1.0 */
export const lane = (subscription: Subscription.Subscription): Lane.Lane => Lane.make(subscription, "parked")

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/** A run, and what is parked tried again before it and, where it may help, after it. @category running @since 0.1.0 */
export const around = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  options: Sync.RunOptions,
  run: Effect.Effect<Run.Summary | Lanes.Busy, Sync.SyncError, Sync.Ports | R>
): Effect.Effect<Run.Summary | Lanes.Busy, Sync.SyncError, Sync.Ports | R> =>
  Effect.gen(function* () {
    yield* retry(sync, options)
    const summary = yield* run
    if (!(summary instanceof Lanes.Busy) && mayHelp(summary.counts)) yield* retry(sync, options)
    return summary
  })

/**
 * Tries what is parked until a pass brings nothing in. Leaves it to another run
 * that does so already.
 *
 * @category running
 * @since 0.1.0
 */
export const retry = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  { isTakingOver = false }: Sync.RunOptions
): Effect.fn.Return<void, Sync.SyncError, Sync.Ports | R> {
  const { connection, entity, tenant } = sync.subscription
  const { code, openedFrom } = { code: Write.parentMissing, openedFrom: yield* oldest }
  for (let pass = 0; pass < passesMax; pass++) {
    const [first] = yield* (yield* Quarantine.Quarantine).list(tenant, { connection, entity, code, limit: 1 })
    if (first === undefined || first.openedAt < openedFrom) return
    const summary = yield* Execution.run(Redrive.toSync(sync, { code, openedFrom, isAsKept: true }), {
      lane: lane(sync.subscription),
      trigger: "Replay",
      isTakingOver
    })
    if (summary instanceof Lanes.Busy) return
    const { created, deleted, updated } = summary.counts
    if (created + deleted + updated === 0) return
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const oldest = Effect.map(Clock.currentTimeMillis, (now) => now - Duration.toMillis(ageMax))

/**
 * A run that wrote nothing, and parked nothing, brought no parent and no child.
 *
 * @category guards
 * @since 0.1.0
 */
export const mayHelp = ({ created, parked, updated }: Run.Counts): boolean => created + parked + updated > 0
