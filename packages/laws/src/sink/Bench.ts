/**
 * A sink under test: where it stands, how the engine writes to it, and what it must
 * hold by then.
 *
 * Writes are made as the engine makes them: what the sink's own check refuses is not
 * sent, and where a call is refused as a whole its writes are made one by one.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as fc from "fast-check"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Row from "@tidemark/core/model/Row"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Telling from "../Telling.ts"
import * as Time from "../Time.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Where a sink stands. Any `Store` will do. @category models @since 0.1.0 */
export interface Home<R> {
  /** The transactions that the sink joins, and what it needs itself. */
  readonly layer: Layer.Layer<R | UnitOfWork.UnitOfWork, unknown>
  /** Whether all cases of a law share one instance of the layer. Share what is slow to make. */
  readonly isShared: boolean
  /** Begins the names of tenants; tells processes apart that share a database. */
  readonly name: string
  /** Whether sleeps take as long as they say. Not for a simulation. */
  readonly isRealTime: boolean
}

/** @category models @since 0.1.0 */
export interface Setup<A extends object, R> {
  readonly sink: Effect.Effect<ChangeSink.ChangeSink<A>, unknown, R | Scope.Scope>
  readonly schema: FieldDiffer.RecordSchema<A>
  readonly records: fc.Arbitrary<A>
  readonly home: Home<R>
  readonly ids: Ids
}

/** @category models @since 0.1.0 */
export type Ids = readonly [string, string, string, ...ReadonlyArray<string>]

/** A sink and a subscription that nobody had before. @category models @since 0.1.0 */
export interface Bench<A extends object> {
  readonly sink: ChangeSink.ChangeSink<A>
  readonly subscription: Subscription.Subscription
  readonly differ: FieldDiffer.FieldDiffer<A>
  readonly ids: ReadonlyArray<Observation.ExternalId>
}

/** What is done to a record: its place among the ids, and `undefined` for a removal. @category models @since 0.1.0 */
export interface Step<out A> {
  readonly place: number
  readonly record: A | undefined
}

/** What a sink must hold. @category models @since 0.1.0 */
export type Rows<A> = ReadonlyMap<Observation.ExternalId, Row.Row<A>>

/** What became of the writes of a batch, by id. @category models @since 0.1.0 */
export type Answered = ReadonlyMap<Observation.ExternalId, Result.Result<Write.Written, Write.Rejection>>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A law of a sink; each case has a sink and a subscription of its own. @category constructors @since 0.1.0 */
export const law = <A extends object, R, T>(
  { home, ids, schema, sink }: Setup<A, R>,
  options: {
    readonly id: string
    readonly claim: string
    readonly runs: number
    readonly arbitrary: fc.Arbitrary<T>
    readonly holds: (bench: Bench<A>, value: T) => Effect.Effect<unknown, unknown, R | UnitOfWork.UnitOfWork>
  }
): Law.Law => {
  const differ = FieldDiffer.fromSchema(schema)
  const holds = (value: T) =>
    Effect.scoped(
      Effect.gen(function* () {
        const bench: Bench<A> = {
          sink: yield* sink,
          subscription: yield* Store.subscription(home.name),
          differ,
          ids: ids.map((text) => Observation.ExternalId.make(text))
        }
        return yield* options.holds(bench, value)
      })
    )
  const tell = (value: T) => Telling.steps(value, (one) => (isStep(one) ? lineOf(ids, one) : undefined))
  const inTime = (value: T) => (home.isRealTime ? holds(value) : Time.during(Time.make(1_000_000))(holds(value)))
  return home.isShared
    ? Law.make({ ...options, tell, layer: home.layer, holds: inTime })
    : Law.make({
        ...options,
        tell,
        holds: (value) => Effect.provide(inTime(value), Layer.fresh(home.layer), { local: true })
      })
}

/** A write of a record as the engine makes it. @category constructors @since 0.1.0 */
export const write = <A extends object>(
  { ids, subscription }: Bench<A>,
  { place, record }: Step<A>,
  revision: number,
  localId?: string
): Write.Write<A> => {
  const externalId = ids[place % ids.length]!
  const target = {
    externalId,
    localId: localId ?? `local-${place % ids.length}`,
    revision,
    idempotencyKey: `${subscription.id}/${externalId}/${revision}`
  }
  return record === undefined ? { _tag: "Remove", ...target } : { _tag: "Put", ...target, record }
}

/** At most one write per record, sorted by id, as a batch has them. @category constructors @since 0.1.0 */
export const batch = <A>(writes: ReadonlyArray<Write.Write<A>>): ReadonlyArray<Write.Write<A>> =>
  [...new Map(writes.map((one) => [one.externalId, one])).values()].toSorted((a, b) =>
    a.externalId < b.externalId ? -1 : 1
  )

// -----------------------------------------------------------------------------
// arbitraries
// -----------------------------------------------------------------------------

/** @category arbitraries @since 0.1.0 */
export const step = <A>(records: fc.Arbitrary<A>): fc.Arbitrary<Step<A>> =>
  fc.record({ place: fc.nat(9), record: fc.option(records, { nil: undefined, freq: 3 }) })

/** Batches of steps. @category arbitraries @since 0.1.0 */
export const batches = <A>(records: fc.Arbitrary<A>): fc.Arbitrary<ReadonlyArray<ReadonlyArray<Step<A>>>> =>
  fc.array(fc.array(step(records), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** In a unit of work of the tenant. @category combinators @since 0.1.0 */
export const transact = <A, E, R>(
  { subscription }: { readonly subscription: Subscription.Subscription },
  effect: Effect.Effect<A, E, R>
) => Effect.flatMap(UnitOfWork.UnitOfWork, (uow) => uow.transact(subscription.tenant, effect))

/** One call of the sink, in a unit of work where it is transactional. @category combinators @since 0.1.0 */
export const call = Effect.fnUntraced(function* <A extends object>(
  bench: Bench<A>,
  writes: Write.Writes<A>
): Effect.fn.Return<
  Answered,
  ChangeSink.SinkError | UnitOfWork.TransactionError | Law.Violation,
  UnitOfWork.UnitOfWork
> {
  const { sink, subscription } = bench
  const answers =
    sink._tag === "External"
      ? yield* sink.write(subscription, writes)
      : yield* transact(bench, sink.write(subscription, writes))
  yield* Law.same("the number of answers", answers.length, writes.length)
  return new Map(writes.map(({ externalId }, index) => [externalId, answers[index]!]))
})

/** Writes a batch as the engine does. @category combinators @since 0.1.0 */
export const put = Effect.fnUntraced(function* <A extends object>(
  bench: Bench<A>,
  writes: ReadonlyArray<Write.Write<A>>
): Effect.fn.Return<
  Answered,
  ChangeSink.SinkError | UnitOfWork.TransactionError | Law.Violation,
  UnitOfWork.UnitOfWork
> {
  const answers = new Map<Observation.ExternalId, Result.Result<Write.Written, Write.Rejection>>()
  const sent = writes.filter((one) => {
    const rejection = one._tag === "Put" ? bench.sink.check?.(one.record) : undefined
    if (rejection !== undefined) answers.set(one.externalId, Result.fail(rejection))
    return rejection === undefined
  })
  if (!Arr.isReadonlyArrayNonEmpty(sent)) return answers
  const whole = yield* Effect.result(call(bench, sent))
  if (Result.isSuccess(whole)) return new Map([...answers, ...whole.success])
  if (whole.failure._tag !== "SinkError" || whole.failure.reason !== "Refused") return yield* whole.failure
  const { code = "Refused", message } = whole.failure
  if (sent.length === 1) return answers.set(sent[0].externalId, Result.fail(new Write.Rejection({ code, message })))
  for (const one of sent) for (const [id, answer] of yield* put(bench, [one])) answers.set(id, answer)
  return answers
})

/** What must be there after these writes and their answers. @category combinators @since 0.1.0 */
export const after = <A>(rows: Rows<A>, writes: ReadonlyArray<Write.Write<A>>, answers: Answered): Rows<A> => {
  const next = new Map(rows)
  for (const one of writes) {
    const answer = answers.get(one.externalId)
    if (answer === undefined || Result.isFailure(answer)) continue
    if (one._tag === "Remove") next.delete(one.externalId)
    else next.set(one.externalId, { localId: answer.success.localId ?? one.localId, record: one.record })
  }
  return next
}

/** The sink finds exactly these rows of all ids, and of some of them. @category guards @since 0.1.0 */
export const holds = Effect.fnUntraced(function* <A extends object>(
  { differ, ids, sink, subscription }: Bench<A>,
  rows: Rows<A>,
  when: string
): Effect.fn.Return<void, Law.Violation | ChangeSink.SinkError> {
  for (const asked of [ids, ids.slice(1)]) {
    if (!Arr.isReadonlyArrayNonEmpty(asked)) continue
    const found = yield* sink.find(subscription, asked)
    const expected = asked.filter((id) => rows.has(id))
    yield* Law.same(`the records found ${when}`, [...found.keys()].toSorted(), expected.toSorted())
    for (const [id, { localId, record }] of found) {
      const should = rows.get(id)!
      const fields = Object.keys(differ.diff(should.record, record))
      yield* Law.requires(
        fields.length === 0,
        () => `${id} differs ${when} in ${differences(fields, should.record, record)}`
      )
      yield* Law.same(`the fingerprint of ${id} ${when}`, differ.fingerprint(record), differ.fingerprint(should.record))
      yield* Law.same(`the local id of ${id} ${when}`, localId, should.localId)
    }
  }
})

/** Writes batches one after the other, and looks at what is there after each. @category combinators @since 0.1.0 */
export const play = Effect.fnUntraced(function* <A extends object>(
  bench: Bench<A>,
  batches: ReadonlyArray<ReadonlyArray<Step<A>>>
) {
  let rows: Rows<A> = new Map()
  for (const [index, steps] of batches.entries()) {
    const writes = batch(steps.map((step) => write(bench, step, index + 1)))
    rows = after(rows, writes, yield* put(bench, writes))
    yield* holds(bench, rows, "after a batch")
  }
  return rows
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const isStep = (value: unknown): value is Step<unknown> =>
  typeof value === "object" && value !== null && "place" in value && "record" in value

const lineOf = (ids: Ids, { place, record }: Step<unknown>): string =>
  record === undefined ? `remove ${ids[place % ids.length]}` : `put ${ids[place % ids.length]} ${fc.stringify(record)}`

const differences = (fields: ReadonlyArray<string>, should: object, is: object): string => {
  const value = (record: object, field: string) => clipped(Object.getOwnPropertyDescriptor(record, field)?.value)
  return fields.map((field) => `${field} (${value(is, field)} instead of ${value(should, field)})`).join(", ")
}

/** Long values by their beginning and their length. */
const clipped = (value: unknown): string => {
  const text = fc.stringify(value)
  return text.length <= 80 ? text : `${text.slice(0, 60)}... of ${text.length} characters`
}
