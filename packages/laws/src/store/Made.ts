/**
 * Values for the laws of ports, and calls with the usual options.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Entry from "@tidemark/core/model/Entry"
import type * as Event from "@tidemark/core/model/Event"
import * as Lane from "@tidemark/core/model/Lane"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import * as Write from "@tidemark/core/model/Write"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Ledger from "@tidemark/core/ports/Ledger"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Brake from "@tidemark/core/rules/Brake"

/** A lease that does not run out by itself. @category constants @since 0.1.0 */
export const lease = Duration.minutes(1)

/** @category constructors @since 0.1.0 */
export const id = (text: string): Observation.ExternalId => Observation.ExternalId.make(text)

/** @category constructors @since 0.1.0 */
export const version = (value: number): Version.Version =>
  Version.make({ domain: "laws", value: String(value).padStart(6, "0"), observedAt: value })

/** An advance of a record planned against a token. @category constructors @since 0.1.0 */
export const advance = (text: string, expected: number, change: Partial<Entry.Advance> = {}): Entry.Advance => ({
  externalId: id(text),
  expected,
  localId: `local-${text}`,
  revision: expected + 1,
  version: version(expected),
  existence: "Present",
  fingerprint: `print-${expected}`,
  ...change
})

/** @category constructors @since 0.1.0 */
export const refusal = (runId: string, text: string, value: number, isSuperseded = false): Quarantine.Refusal => ({
  runId,
  externalId: id(text),
  version: version(value),
  fingerprint: `print-${value}`,
  rejection: new Write.Rejection({ code: "Poison", message: "the record is poison" }),
  observation: { value },
  isSuperseded
})

/** @category constructors @since 0.1.0 */
export const event = (tenant: Subscription.TenantId, text: string, revision: number): Event.Event => ({
  id: `${tenant}/${text}/${revision}`,
  tenant,
  type: "note_edited",
  entity: "note",
  key: `world/world/${text}`,
  revision,
  version: 1,
  direction: "change",
  payload: { revision }
})

/** In a unit of work of the subscription's tenant. @category combinators @since 0.1.0 */
export const transact = <A, E, R>({ tenant }: Subscription.Subscription, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(UnitOfWork.UnitOfWork, (uow) => uow.transact(tenant, effect))

/** Claims the lane `live`, taking over. @category combinators @since 0.1.0 */
export const claim = (subscription: Subscription.Subscription, options: Partial<Lanes.ClaimOptions> = {}) =>
  Effect.flatMap(Lanes.Lanes, (lanes) =>
    lanes.claim({
      lane: Lane.live(subscription),
      lease,
      account: "world",
      mappingEpoch: 0,
      mode: "TakeOver",
      isReleasing: false,
      ...options
    })
  )

/** Commits a batch of a claim in the open unit of work. @category combinators @since 0.1.0 */
export const commit = (held: Pick<Lanes.Claim, "lane" | "epoch">, batchNo: number, place = batchNo) =>
  Effect.flatMap(Lanes.Lanes, (lanes) =>
    lanes.commit({
      claim: held,
      checkpoint: {
        cursor: { codecVersion: 1, value: { at: place } },
        batchNo,
        mappingEpoch: 0,
        brake: Brake.released
      },
      lease
    })
  )

/** Opens a run of the lane `live`. @category combinators @since 0.1.0 */
export const openRun = (subscription: Subscription.Subscription, epoch: number) =>
  Effect.flatMap(RunRecorder.RunRecorder, (recorder) =>
    recorder.open({ lane: Lane.live(subscription), epoch, trigger: "Manual" })
  )

/** The tokens of the records `a` to `d`. @category combinators @since 0.1.0 */
export const tokens = (subscription: Subscription.Subscription) =>
  Effect.gen(function* () {
    const entries = yield* (yield* Ledger.Ledger).find(subscription, [id("a"), id("b"), id("c"), id("d")])
    return Object.fromEntries([...entries].map(([id, { token }]) => [id, token]))
  })
