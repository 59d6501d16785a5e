/**
 * What was decided about one record before an external sink was called, in a form
 * that outlives the process.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Entry from "../model/Entry.ts"
import * as Event from "../model/Event.ts"
import type * as FieldPatch from "../model/FieldPatch.ts"
import * as Observation from "../model/Observation.ts"
import * as Run from "../model/Run.ts"
import * as Version from "../model/Version.ts"
import type * as Write from "../model/Write.ts"
import type * as Intents from "../ports/Intents.ts"
import * as Outbox from "../ports/Outbox.ts"
import * as Quarantine from "../ports/Quarantine.ts"
import * as RunRecorder from "../ports/RunRecorder.ts"
import * as StoreError from "../ports/StoreError.ts"
import type * as FieldDiffer from "../rules/FieldDiffer.ts"
import type * as Plan from "../rules/Plan.ts"
import * as Refusal from "../rules/Refusal.ts"
import type * as Apply from "./Apply.ts"
import * as Audit from "./Audit.ts"
import type * as Batch from "./Batch.ts"
import * as Redriven from "./Redriven.ts"
import type * as Session from "./Session.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

const Row = Schema.Struct({
  externalId: Observation.ExternalId,
  localId: Schema.String,
  revision: Schema.Int,
  version: Version.Version,
  existence: Schema.Literals(["Present", "Deleted", "Weak"]),
  fingerprint: Schema.UndefinedOr(Schema.String)
})

const Change = Schema.Struct({
  operation: Schema.Literals(["Created", "Updated", "Deleted", "Adopted", "Drift"]),
  revision: Schema.Int,
  patch: Schema.Record(
    Schema.String,
    Schema.Struct({ before: Schema.optionalKey(Schema.Json), after: Schema.optionalKey(Schema.Json) })
  )
})

const Stored = Schema.Struct({
  /** The ledger row as it was, and as it will be once the sink has taken the write. */
  before: Row,
  after: Row,
  /** The record to put, in its JSON form; absent for a removal. */
  record: Schema.optionalKey(Schema.Json),
  idempotencyKey: Schema.String,
  /** What was found on the way, then the change. */
  changes: Schema.Array(Change),
  origin: Observation.Origin,
  /** What quarantine is to keep should the sink refuse. */
  refusal: Schema.Struct({ version: Version.Version, fingerprint: Schema.String, observation: Schema.Json }),
  /** Of a redrive: the refusals it is about. */
  redriven: Schema.Array(Quarantine.Open)
})
const StoredJson = Schema.toCodecJson(Stored)

/** @category models @since 0.1.0 */
export interface Decision<A> {
  /** Token of the record's ledger row since the reservation. */
  readonly token: number
  readonly write: Write.Write<A>
  readonly stored: typeof Stored.Type
}

/** @category models @since 0.1.0 */
export type Answers = ReadonlyMap<Observation.ExternalId, Result.Result<Write.Written, Write.Rejection>>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The decision about the observation at `index`, whose ledger row was reserved as
 * `entry`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  gathered: Batch.Gathered<A, C>,
  index: number,
  reserved: { readonly move: Plan.Move<A>; readonly entry: Entry.Entry; readonly write: Write.Write<A> }
): Decision<A> => {
  const { entry, move, write } = reserved
  const observation = gathered.plan.readings[index]!
  const decision = gathered.plan.decisions[index]!
  const changes = [...move.findings, ...(decision._tag === "Change" ? [decision] : [])]
  const { expected: _, ...after } = move.advance
  const { token, ...before } = entry
  return {
    token,
    write,
    stored: {
      before,
      after: { ...after, localId: entry.localId },
      ...(write._tag === "Put" ? { record: Schema.encodeUnknownSync(json(sync.schema))(write.record) } : {}),
      idempotencyKey: write.idempotencyKey,
      changes: changes.map(({ operation, patch, revision }) => ({
        operation,
        revision,
        patch: sync.differ.toJson(patch)
      })),
      origin: observation.origin,
      refusal: {
        version: Refusal.versionOf(sync.source.domain, observation),
        fingerprint: Refusal.fingerprintOf(sync.differ, observation),
        observation: Refusal.toJson(sync.schema, observation)
      },
      redriven: sync.redriven?.(observation) ?? []
    }
  }
}

// -----------------------------------------------------------------------------
// codecs
// -----------------------------------------------------------------------------

/** @category codecs @since 0.1.0 */
export const encode = <A>({ stored, token }: Decision<A>): Intents.Intent => ({
  externalId: stored.after.externalId,
  token,
  decision: Schema.encodeSync(StoredJson)(stored)
})

/** @category codecs @since 0.1.0 */
export const decode = Effect.fnUntraced(function* <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  intent: Intents.Intent
): Effect.fn.Return<Decision<A>, StoreError.StoreError> {
  const unreadable = (cause: unknown) =>
    new StoreError.StoreError({
      reason: "Unavailable",
      operation: "Intents.list",
      message: `the open intent of ${intent.externalId} was stored by a build with another shape; run that build once`,
      cause
    })
  const stored = yield* Effect.mapError(Schema.decodeEffect(StoredJson)(intent.decision), unreadable)
  const { externalId, localId, revision } = stored.after
  const target = { externalId, localId, revision, idempotencyKey: stored.idempotencyKey }
  if (stored.record === undefined) return { token: intent.token, stored, write: { _tag: "Remove", ...target } }
  const record = yield* Effect.mapError(Schema.decodeEffect(json(sync.schema))(stored.record), unreadable)
  return { token: intent.token, stored, write: { _tag: "Put", record, ...target } }
})

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** What a batch came to, given the sink's answers. @category combinators @since 0.1.0 */
export const toApplied = <A extends object, C>(
  gathered: Batch.Gathered<A, C>,
  decisions: ReadonlyArray<Decision<A>>,
  answers: Answers
): Apply.Applied<A, C> => {
  const refusals = new Map<Observation.ExternalId, Write.Rejection>()
  const localIds = new Map<Observation.ExternalId, string>()
  for (const { stored } of decisions) {
    const answer = answers.get(stored.after.externalId)!
    if (Result.isFailure(answer)) refusals.set(stored.after.externalId, answer.failure)
    else localIds.set(stored.after.externalId, answer.success.localId ?? stored.after.localId)
  }
  return {
    decisions: gathered.observations.map(({ externalId }, index): Plan.Decision => {
      const rejection = refusals.get(externalId)
      return rejection === undefined ? gathered.plan.decisions[index]! : { _tag: "Refuse", rejection }
    }),
    readings: gathered.plan.readings,
    // No record comes twice in a batch for an external sink, so nothing it settles makes a refusal of it void.
    settled: [],
    localIds,
    findings: new Map(
      gathered.plan.moves.map((move) => [
        move.advance.externalId,
        refusals.has(move.advance.externalId) ? [] : move.findings
      ])
    ),
    voided: gathered.plan.moves.flatMap((move) => (refusals.has(move.advance.externalId) ? [] : move.voided))
  }
}

/**
 * Records decisions of an earlier run as they were stored: items, quarantine,
 * events.
 *
 * @category combinators
 * @since 0.1.0
 */
export const record = Effect.fnUntraced(function* <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  decisions: ReadonlyArray<Decision<A>>,
  answers: Answers
) {
  const refused: Array<Quarantine.Refusal> = []
  const items = decisions.flatMap(({ stored }, index): ReadonlyArray<Run.Item> => {
    const { externalId, localId } = stored.after
    const answer = answers.get(externalId)!
    const item = {
      sequence: session.sequence + index,
      externalId,
      origin: stored.origin,
      version: stored.refusal.version
    }
    if (Result.isFailure(answer)) {
      const rejection = answer.failure
      if (Audit.isHolding(sync.onRefusal, rejection)) return [{ ...item, outcome: { _tag: "Rejected", rejection } }]
      if (stored.redriven.length === 0)
        refused.push({ ...stored.refusal, runId: session.runId, externalId, rejection, isSuperseded: false })
      return [{ ...item, outcome: { _tag: "Quarantined", rejection } }]
    }
    return stored.changes.map((change) => ({
      ...item,
      outcome: {
        _tag: "Applied",
        ...change,
        localId: answer.success.localId ?? localId,
        patch: fromJson(change.patch)
      }
    }))
  })
  const counts = Run.countItems(items)
  const recorder = yield* RunRecorder.RunRecorder
  yield* recorder.record({
    runId: session.runId,
    lane: session.lane,
    items,
    counts,
    patchToText: (patch) => JSON.stringify(toJson(patch))
  })
  const quarantine = yield* Quarantine.Quarantine
  if (Arr.isArrayNonEmpty(refused)) yield* quarantine.put(sync.subscription, refused)
  const { recurred, redriven } = redriveOf(session.runId, decisions, answers)
  if (Arr.isReadonlyArrayNonEmpty(recurred)) yield* quarantine.recur(sync.subscription, recurred)
  if (Arr.isReadonlyArrayNonEmpty(redriven)) yield* quarantine.close(sync.subscription, redriven, "Redriven")
  const events = items.flatMap((item) => {
    const event = item.outcome._tag === "Applied" ? Event.fromApplied(sync.subscription, item, item.outcome) : undefined
    return sync.events && event !== undefined ? [event] : []
  })
  if (Arr.isArrayNonEmpty(events)) yield* (yield* Outbox.Outbox).append(sync.subscription.tenant, events)
  return counts
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** What an earlier redrive would have left of the refusals it tried. */
const redriveOf = <A>(runId: string, decisions: ReadonlyArray<Decision<A>>, answers: Answers) => {
  const ended = decisions.map(({ stored: { after, redriven, refusal } }) => {
    const answer = answers.get(after.externalId)!
    return Result.isFailure(answer)
      ? { recurred: Redriven.recurrences(redriven, runId, answer.failure, refusal), redriven: [] }
      : { recurred: [], redriven: Redriven.voidBy(redriven, after) }
  })
  return { recurred: ended.flatMap((one) => one.recurred), redriven: ended.flatMap((one) => one.redriven) }
}

const json = <A>(schema: FieldDiffer.RecordSchema<A>): Schema.Codec<A, Schema.Json> =>
  Schema.toCodecJson(schema) as unknown as Schema.Codec<A, Schema.Json> // the canonical JSON codec encodes to JSON by definition

/** A stored patch: its values are JSON already. */
const fromJson = (json: FieldDiffer.PatchJson): FieldPatch.FieldPatch =>
  Object.fromEntries(Object.entries(json).map(([name, { after, before }]) => [name, { before, after }]))

const toJson = (patch: FieldPatch.FieldPatch): FieldDiffer.PatchJson =>
  Object.fromEntries(
    Object.entries(patch as Record<string, { before: Schema.Json | undefined; after: Schema.Json | undefined }>).map(
      ([name, { after, before }]) => [
        name,
        { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
      ]
    )
  )
