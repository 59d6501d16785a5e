/**
 * What the engine relies on in anybody's sink: L09, L10, L11, L15, L22, L36, L37, L49.
 *
 * ```ts
 * for (const law of verifySink({ schema, sink })) it(law.name, () => law.check())
 * ```
 *
 * A case is a subscription that nobody had before, and batches written to it as the
 * engine writes them.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as fc from "fast-check"
import * as Subscription from "@tidemark/core/model/Subscription"
import type * as Write from "@tidemark/core/model/Write"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import type * as Memory from "@tidemark/memory/Memory"
import * as Law from "./Law.ts"
import * as Records from "./Records.ts"
import * as Bench from "./sink/Bench.ts"
import { transactionLaws } from "./sink/TransactionLaws.ts"
import * as Store from "./Store.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<A extends object, R> {
  /** Of the records; decides what is equal. */
  readonly schema: FieldDiffer.RecordSchema<A>
  /** Made once per case. */
  readonly sink: Effect.Effect<ChangeSink.ChangeSink<A>, unknown, R | Scope.Scope>
  /** Default: made of the schema. */
  readonly records?: fc.Arbitrary<A>
  /** Records that the sink refuses, by its check, its answer or a failed call. Default: none, and no law about them. */
  readonly refused?: fc.Arbitrary<A>
  /** Ids of records, for a sink that does not take any text. Default: some that differ in case and length only. */
  readonly ids?: Bench.Ids
  /** How many records a subscription has in the sink, where they can be counted: shows what was written twice. */
  readonly count?: (subscription: Subscription.Subscription) => Effect.Effect<number, unknown, R>
  /** Where the sink stands. Default: the memory store. */
  readonly home?: Bench.Home<R>
}

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

/**
 * All laws of a sink. Of L11 some are about a transactional one and one is about
 * another: the answer of `check` says where a law is not applicable. A sink made for
 * one tenant keeps all but L36.
 *
 * @category laws
 * @since 0.1.0
 */
export const verifySink: {
  <A extends object>(options: Options<A, Memory.Services> & { readonly home?: undefined }): ReadonlyArray<Law.Law>
  <A extends object, R>(options: Options<A, R> & { readonly home: Bench.Home<R> }): ReadonlyArray<Law.Law>
} = <A extends object, R>(options: Options<A, R>): ReadonlyArray<Law.Law> => {
  const setup: Setup<A, R> = {
    sink: options.sink,
    schema: options.schema,
    ids: options.ids ?? ["a", "A", "ab", "b-1"],
    home: options.home ?? (Store.memory as unknown as Bench.Home<R>), // without a home of its own, a sink needs no more than memory has
    count: options.count,
    records: options.records ?? Records.fromSchema(options.schema)
  }
  return [
    ...writingLaws(setup),
    ...identityLaws(setup),
    ...transactionLaws(setup),
    ...(options.refused === undefined ? [] : refusalLaws(setup, options.refused))
  ]
}

// -----------------------------------------------------------------------------
// internal: writing
// -----------------------------------------------------------------------------

interface Setup<A extends object, R> extends Bench.Setup<A, R> {
  readonly count: Options<A, R>["count"]
}

const writingLaws = <A extends object, R>(setup: Setup<A, R>): ReadonlyArray<Law.Law> => [
  Bench.law(setup, {
    id: "L22",
    claim: "what is found is what was written, whole and unchanged, whatever was written before",
    runs: 100,
    arbitrary: Bench.batches(setup.records),
    holds: (bench, batches) => Bench.play(bench, batches)
  }),
  Bench.law(setup, {
    id: "L09",
    claim: "writing the same writes again changes nothing, and is answered alike",
    runs: 60,
    arbitrary: fc.tuple(Bench.batches(setup.records), fc.integer({ min: 1, max: 2 })),
    holds: Effect.fnUntraced(function* (bench, [batches, times]) {
      let rows: Bench.Rows<A> = new Map()
      for (const [index, steps] of batches.entries()) {
        const writes = Bench.batch(steps.map((step) => Bench.write(bench, step, index + 1)))
        const answers = yield* Bench.put(bench, writes)
        rows = Bench.after(rows, writes, answers)
        for (let time = 0; time < times; time++) {
          yield* Law.same("the answers", texts(writes, yield* Bench.put(bench, writes)), texts(writes, answers))
          yield* Bench.holds(bench, rows, "after the same writes again")
        }
        yield* isCounted(setup, bench, rows.size)
      }
    })
  }),
  Bench.law(setup, {
    id: "L10",
    claim: "removing what is absent succeeds, and what was removed is not found",
    runs: 40,
    arbitrary: fc.tuple(setup.records, fc.nat(9), fc.boolean()),
    holds: Effect.fnUntraced(function* (bench, [record, place, isThere]) {
      const [put, remove] = [
        Bench.write(bench, { place, record }, 1),
        Bench.write(bench, { place, record: undefined }, 2)
      ]
      if (isThere) yield* Bench.put(bench, [put])
      for (const one of [remove, { ...remove, idempotencyKey: `${remove.idempotencyKey} again`, revision: 3 }]) {
        const answer = (yield* Bench.put(bench, [one])).get(one.externalId)!
        yield* Law.requires(Result.isSuccess(answer), () => `removing ${one.externalId} was refused`)
        yield* Bench.holds(bench, new Map(), "once it is removed")
      }
    })
  }),
  Bench.law(setup, {
    id: "L15",
    claim: "not every record is refused",
    runs: 2,
    arbitrary: fc.array(setup.records, { minLength: 40, maxLength: 40 }),
    holds: Effect.fnUntraced(function* (bench, records) {
      for (const record of records) {
        const one = Bench.write(bench, { place: 0, record }, 1)
        const answer = (yield* Bench.put(bench, [one])).get(one.externalId)
        if (answer !== undefined && Result.isSuccess(answer)) return
      }
      return yield* new Law.Violation({ message: `${records.length} records of ${records.length} were refused` })
    })
  })
]

const texts = <A>(writes: ReadonlyArray<Write.Write<A>>, answers: Bench.Answered): ReadonlyArray<string> =>
  writes.map(({ externalId, localId }) => {
    const answer = answers.get(externalId)!
    const text = Result.isSuccess(answer) ? (answer.success.localId ?? localId) : `refused as ${answer.failure.code}`
    return `${externalId} ${text}`
  })

const isCounted = <A extends object, R>({ count }: Setup<A, R>, { subscription }: Bench.Bench<A>, expected: number) =>
  count === undefined
    ? Effect.void
    : Effect.flatMap(count(subscription), (found) => Law.same("the number of records", found, expected))

// -----------------------------------------------------------------------------
// internal: identity and tenants
// -----------------------------------------------------------------------------

const identityLaws = <A extends object, R>(setup: Setup<A, R>): ReadonlyArray<Law.Law> => [
  Bench.law(setup, {
    id: "L37",
    claim: "each write has its answer, in the order of the writes",
    runs: 60,
    arbitrary: fc.array(setup.records, { minLength: 1, maxLength: setup.ids.length }),
    holds: Effect.fnUntraced(function* (bench, records) {
      const writes = Bench.batch(
        records.map((record, place) => Bench.write(bench, { place, record }, 1, `given-${place}`))
      )
      const answers = yield* Bench.put(bench, writes)
      yield* Law.same(
        "who is answered",
        [...answers.keys()].toSorted(),
        writes.map(({ externalId }) => externalId).toSorted()
      )
      yield* Bench.holds(bench, Bench.after(new Map(), writes, answers), "as answered")
    })
  }),
  Bench.law(setup, {
    id: "L49",
    claim: "a record keeps its local id, through changes, removal and revival",
    runs: 40,
    arbitrary: fc.tuple(
      fc.nat(9),
      fc.array(fc.option(setup.records, { nil: undefined, freq: 2 }), { minLength: 2, maxLength: 6 })
    ),
    holds: Effect.fnUntraced(function* (bench, [place, states]) {
      let localId: string | undefined
      for (const [index, record] of states.entries()) {
        const one = Bench.write(bench, { place, record }, index + 1, localId)
        const answers = yield* Bench.put(bench, [one])
        const answer = answers.get(one.externalId)!
        if (record === undefined || Result.isFailure(answer)) continue
        const given = answer.success.localId ?? one.localId
        yield* Law.same("the local id", given, localId ?? given)
        localId = given
        yield* Bench.holds(bench, Bench.after(new Map(), [one], answers), "under its local id")
      }
    })
  }),
  ...(["tenant", "account", "provider"] as const).map((part) =>
    Bench.law(setup, {
      id: "L36",
      claim: `records of another ${part} are other records, whatever their ids are`,
      runs: 30,
      arbitrary: fc.tuple(
        Bench.batches(setup.records),
        fc.array(Bench.step(setup.records), { minLength: 1, maxLength: 4 })
      ),
      holds: Effect.fnUntraced(function* (bench, [batches, steps]) {
        const other = { ...bench, subscription: elsewhere(bench.subscription, part) }
        const rows = yield* Bench.play(bench, batches)
        yield* Bench.holds(other, new Map(), `by another ${part}`)
        const writes = Bench.batch(steps.map((step) => Bench.write(other, step, 1)))
        const theirs = Bench.after(new Map(), writes, yield* Bench.put(other, writes))
        yield* Bench.holds(bench, rows, `after another ${part} wrote`)
        yield* Bench.holds(other, theirs, `by the other ${part}`)
      })
    })
  )
]

const elsewhere = (
  { connection, entity, id, tenant }: Subscription.Subscription,
  part: "tenant" | "account" | "provider"
): Subscription.Subscription =>
  Subscription.make({
    id: `${id}-other`,
    tenant: part === "tenant" ? `${tenant}-other` : tenant,
    entity,
    connection: {
      provider: part === "provider" ? "other" : connection.provider,
      account: part === "account" ? "other" : connection.account
    }
  })

// -----------------------------------------------------------------------------
// internal: refusals
// -----------------------------------------------------------------------------

const refusalLaws = <A extends object, R>(setup: Setup<A, R>, refused: fc.Arbitrary<A>): ReadonlyArray<Law.Law> => [
  Bench.law(setup, {
    id: "L15",
    claim: "a refused record is refused alone: the others of the batch are written, and it is as it was",
    runs: 60,
    arbitrary: fc.tuple(
      fc.array(Bench.step(setup.records), { maxLength: 4 }),
      fc.array(Bench.step(setup.records), { maxLength: 4 }),
      fc.tuple(fc.nat(9), refused)
    ),
    holds: Effect.fnUntraced(function* (bench, [before, steps, [place, poison]]) {
      const rows = yield* Bench.play(bench, before.length === 0 ? [] : [before])
      const bad = Bench.write(bench, { place, record: poison }, 2)
      const good = Bench.batch(steps.map((step) => Bench.write(bench, step, 2))).filter(
        ({ externalId }) => externalId !== bad.externalId
      )
      const writes = Bench.batch([...good, bad])
      const all = Bench.put(bench, writes)
      const answers = bench.sink._tag === "External" ? yield* all : yield* Bench.transact(bench, all)
      yield* Law.requires(Result.isFailure(answers.get(bad.externalId)!), () => `${bad.externalId} was not refused`)
      // What the sink says of the others, it says of them without the refused one too.
      if (Arr.isReadonlyArrayNonEmpty(good)) {
        const alone = yield* Bench.put(bench, good)
        yield* Law.same("the answers to the others", texts(good, answers), texts(good, alone))
      }
      yield* Bench.holds(bench, Bench.after(rows, good, answers), "beside a refused one")
    })
  })
]
