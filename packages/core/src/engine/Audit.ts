/**
 * What a batch leaves behind for people and for the rest of the application:
 * items, quarantine rows, events.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Event from "../model/Event.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Outcome from "../model/Outcome.ts"
import * as Run from "../model/Run.ts"
import * as Write from "../model/Write.ts"
import * as Outbox from "../ports/Outbox.ts"
import * as Quarantine from "../ports/Quarantine.ts"
import * as RunRecorder from "../ports/RunRecorder.ts"
import type { StoreError } from "../ports/StoreError.ts"
import type { Transaction } from "../ports/UnitOfWork.ts"
import type * as Plan from "../rules/Plan.ts"
import * as Refusal from "../rules/Refusal.ts"
import type * as Apply from "./Apply.ts"
import * as Redriven from "./Redriven.ts"
import type * as Session from "./Session.ts"
import type * as Sync from "./Sync.ts"

/** @category models @since 0.1.0 */
export interface Audit {
  readonly items: ReadonlyArray<Run.Item>
  readonly counts: Run.Counts
  /** In arrival order: whether an observation was refused for the first time; parked ones are left out. A redrive tries nothing for the first time. */
  readonly refusals: ReadonlyArray<boolean>
  readonly quarantined: ReadonlyArray<Quarantine.Refusal>
  /** What becomes of refusals that waited. */
  readonly settlement: Redriven.Settlement
  readonly events: ReadonlyArray<Event.Event>
  /** Records whose ledger row moved, or that were refused. */
  readonly touched: ReadonlySet<Observation.ExternalId>
}

/** Where a batch stands in its run. @category models @since 0.1.0 */
export interface Place {
  readonly runId: string
  /** Observations of the run before the batch. */
  readonly sequence: number
}

/** @category context @since 0.1.0 */
export type Context = RunRecorder.RunRecorder | Quarantine.Quarantine | Outbox.Outbox

/** An observation that holds the lane. @category models @since 0.1.0 */
export interface Held<A, C> {
  readonly observation: Observation.Observation<A, C>
  readonly rejection: Write.Rejection
}

/**
 * The audit of a batch: one item per observation, in order, behind those of what
 * was found on the way.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  { runId, sequence: first }: Place,
  observations: ReadonlyArray<Observation.Observation<A, C>>,
  applied: Apply.Applied<A, C>,
  held: Held<A, C> | undefined
): Audit => {
  const items: Array<Run.Item> = []
  const quarantined: Array<Quarantine.Refusal> = []
  const hasFound = new Set<Observation.ExternalId>()
  const touched = new Set(applied.findings.keys())
  const add = (sequence: number, one: Observation.Observation<A, C>, outcome: Outcome.Outcome) =>
    items.push({
      sequence,
      externalId: Refusal.heldId(one.externalId),
      origin: one.origin,
      outcome,
      version: one._tag === "Touch" ? undefined : Refusal.versionOf(sync.source.domain, one)
    })
  observations.forEach((observation, index) => {
    const one = applied.readings[index] ?? observation
    const sequence = first + index
    if (!hasFound.has(one.externalId)) {
      hasFound.add(one.externalId)
      for (const change of applied.findings.get(one.externalId) ?? [])
        add(sequence, one, toApplied(change, one, applied))
    }
    const decision = applied.decisions[index]!
    add(sequence, one, toOutcome(sync.onRefusal, decision, one, applied))
    if (decision._tag === "Refuse" && !isHolding(sync.onRefusal, decision.rejection)) {
      touched.add(one.externalId)
      if (sync.redriven !== undefined) return
      quarantined.push(
        toRefusal(sync, runId, one, decision.rejection, isSuperseded(sync, observations, applied, one, index))
      )
    }
  })
  if (held !== undefined) {
    add(first + observations.length, held.observation, { _tag: "Rejected", rejection: held.rejection })
  }
  const observed = items.filter((item) => !isFinding(item))
  return {
    items,
    counts: counted(items, applied),
    refusals:
      sync.redriven === undefined
        ? observed
            .filter((item) => !isWaiting(item) && !isParked(item))
            .map((item) => item.outcome._tag === "Quarantined")
        : [],
    quarantined,
    settlement:
      sync.redriven === undefined
        ? { recurred: [], redriven: [], superseded: applied.voided }
        : Redriven.settle(sync, runId, observations, applied),
    events: sync.events ? items.flatMap((item) => toEvent(sync, item)) : [],
    touched
  }
}

/**
 * The steps that write the audit in the open unit of work. What it takes to write
 * it is made here, by the ports, ahead of the unit of work where there is time.
 *
 * @category combinators
 * @since 0.1.0
 */
export const writing = Effect.fnUntraced(function* <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  audit: Audit
): Effect.fn.Return<ReadonlyArray<Effect.Effect<void, StoreError, Transaction>>, never, Context> {
  const { subscription } = sync
  const quarantine = yield* Quarantine.Quarantine
  const recording = (yield* RunRecorder.RunRecorder).record({
    runId: session.runId,
    lane: session.lane,
    items: sync.items === "All" ? audit.items : audit.items.filter((item) => item.outcome._tag !== "Skipped"),
    counts: audit.counts,
    patchToText: sync.differ.toText
  })
  const { events, quarantined } = audit
  const { recurred, redriven, superseded } = audit.settlement
  const steps = [recording]
  yield* Effect.yieldNow
  if (Arr.isReadonlyArrayNonEmpty(quarantined)) steps.push(quarantine.put(subscription, quarantined))
  if (Arr.isReadonlyArrayNonEmpty(recurred)) steps.push(quarantine.recur(subscription, recurred))
  if (Arr.isReadonlyArrayNonEmpty(redriven)) steps.push(quarantine.close(subscription, redriven, "Redriven"))
  if (Arr.isReadonlyArrayNonEmpty(superseded)) steps.push(quarantine.close(subscription, superseded, "Superseded"))
  if (Arr.isReadonlyArrayNonEmpty(events)) steps.push((yield* Outbox.Outbox).append(subscription.tenant, events))
  return steps
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const counted = <A, C>(items: ReadonlyArray<Run.Item>, { decisions }: Apply.Applied<A, C>): Run.Counts => {
  let [unknownFields, unknownValues] = [0, 0]
  for (const decision of decisions) {
    if ((decision?._tag !== "Change" && decision?._tag !== "Skip") || decision.unknown === undefined) continue
    unknownFields += decision.unknown.fields
    unknownValues += decision.unknown.values
  }
  return { ...Run.countItems(items), unknownFields, unknownValues }
}

const isFinding = ({ outcome }: Run.Item): boolean =>
  outcome._tag === "Applied" && (outcome.operation === "Adopted" || outcome.operation === "Drift")

const isParked = ({ outcome }: Run.Item): boolean => outcome._tag === "Quarantined" && Write.isParked(outcome.rejection)

const isWaiting = ({ outcome }: Run.Item): boolean => outcome._tag === "Skipped" && outcome.reason === "Quarantined"

const toApplied = <A, C>(
  change: Plan.Change,
  observation: Observation.Observation<A, C>,
  applied: Apply.Applied<A, C>
): Outcome.Applied => ({
  _tag: "Applied",
  operation: change.operation,
  localId: applied.localIds.get(observation.externalId) ?? "",
  revision: change.revision,
  patch: change.patch
})

const toOutcome = <A, C>(
  onRefusal: "Hold" | "Quarantine",
  decision: Plan.Decision,
  observation: Observation.Observation<A, C>,
  applied: Apply.Applied<A, C>
): Outcome.Outcome => {
  switch (decision._tag) {
    case "Change":
      return toApplied(decision, observation, applied)
    case "Skip":
      return { _tag: "Skipped", reason: decision.reason }
    case "Refuse":
      return {
        _tag: isHolding(onRefusal, decision.rejection) ? "Rejected" : "Quarantined",
        rejection: decision.rejection
      }
    case "Resolve":
      throw new Error("a hint reached the audit unresolved")
  }
}

/** Whether a later observation of the batch made the refusal at `place` void, as one of a later batch would. */
const isSuperseded = <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  observations: ReadonlyArray<Observation.Observation<A, C>>,
  { settled }: Apply.Applied<A, C>,
  refused: Observation.Observation<A, C>,
  place: number
): boolean => {
  const refusal = Refusal.of(sync.rules, refused)
  return observations.some((one, index) => {
    if (index <= place || one.externalId !== refused.externalId) return false
    const known = settled[index]
    return known !== undefined && Refusal.isVoid(refusal, known)
  })
}

/**
 * Whether the lane waits for what was refused. It waits for no parent: that may come
 * behind its child.
 *
 * @category guards
 * @since 0.1.0
 */
export const isHolding = (onRefusal: "Hold" | "Quarantine", rejection: Write.Rejection): boolean =>
  onRefusal === "Hold" && !Write.isParked(rejection)

/** @category constructors @since 0.1.0 */
export const toRefusal = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  runId: string,
  observation: Observation.Observation<A, C>,
  rejection: Write.Rejection,
  isSuperseded: boolean
): Quarantine.Refusal => ({
  runId,
  externalId: Refusal.heldId(observation.externalId),
  version: Refusal.versionOf(sync.source.domain, observation),
  fingerprint: Refusal.fingerprintOf(sync.differ, observation),
  rejection,
  observation: Refusal.toJson(sync.schema, observation),
  isSuperseded
})

const toEvent = <A, C, R>(sync: Sync.Sync<A, C, R>, item: Run.Item): ReadonlyArray<Event.Event> => {
  if (item.outcome._tag !== "Applied") return []
  const event = Event.fromApplied(sync.subscription, item, item.outcome)
  return event === undefined ? [] : [event]
}
