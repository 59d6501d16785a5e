/**
 * What the engine relies on when a batch does not come to its end: L11. Of a sink that
 * joins its transactions, that what is taken back leaves nothing; of another system,
 * where nothing is taken back, that a batch which broke off is whole once it is
 * written again.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import type * as Write from "@tidemark/core/model/Write"
import type * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "../Law.ts"
import * as Bench from "./Bench.ts"

/** Each says whether it applies to the kind of sink that it is given. @category laws @since 0.1.0 */
export const transactionLaws = <A extends object, R>(setup: Bench.Setup<A, R>): ReadonlyArray<Law.Law> => {
  const arbitrary = fc.record({
    before: fc.array(Bench.step(setup.records), { maxLength: 4 }),
    during: fc.array(Bench.step(setup.records), { minLength: 1, maxLength: 4 }),
    later: fc.array(Bench.step(setup.records), { minLength: 1, maxLength: 3 })
  })
  const law = (
    claim: string,
    runs: number,
    holds: (
      bench: Bench.Bench<A>,
      rows: Bench.Rows<A>,
      during: ReadonlyArray<Write.Write<A>>,
      later: ReadonlyArray<Write.Write<A>>
    ) => Effect.Effect<unknown, unknown, UnitOfWork.UnitOfWork>
  ) =>
    Bench.law(setup, {
      id: "L11",
      claim,
      runs,
      arbitrary,
      holds: Effect.fnUntraced(function* (bench, { before, during, later }) {
        if (bench.sink._tag === "External") return outside
        const rows = yield* Bench.play(bench, before.length === 0 ? [] : [before])
        const batch = (steps: ReadonlyArray<Bench.Step<A>>, revision: number) =>
          Bench.batch(steps.map((step) => Bench.write(bench, step, revision)))
        yield* holds(bench, rows, batch(during, 2), batch(later, 3))
      })
    })
  return [
    law("a write is read in its transaction, and by nobody else before it commits", 30, hidden),
    law("a write that is taken back leaves nothing", 40, takenBack),
    law("a write that an inner unit of work takes back leaves what is around it", 30, inner),
    Bench.law(setup, {
      id: "L11",
      claim: "a batch of which an external sink took a part is whole once it is written again",
      runs: 40,
      arbitrary: fc.tuple(
        fc.array(Bench.step(setup.records), { maxLength: 4 }),
        fc.array(Bench.step(setup.records), { minLength: 2, maxLength: 4 }),
        fc.nat(3)
      ),
      holds: (bench, [before, steps, count]) =>
        bench.sink._tag === "External" ? brokenOff(bench, before, steps, count) : Effect.succeed(inside)
    })
  ]
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const outside = new Law.NotApplicable({ reason: "an external sink joins no transaction: what it wrote stays" })
const inside = new Law.NotApplicable({ reason: "a transactional sink takes a batch whole or not at all" })

/** The engine was killed after some writes of a batch, and writes it again with the same keys. */
const brokenOff = Effect.fnUntraced(function* <A extends object>(
  bench: Bench.Bench<A>,
  before: ReadonlyArray<Bench.Step<A>>,
  steps: ReadonlyArray<Bench.Step<A>>,
  count: number
) {
  const rows = yield* Bench.play(bench, before.length === 0 ? [] : [before])
  const writes = Bench.batch(steps.map((step) => Bench.write(bench, step, 2)))
  const part = writes.slice(0, Math.min(count, writes.length - 1))
  yield* Bench.holds(
    bench,
    Bench.after(rows, part, yield* Bench.put(bench, part)),
    `after ${part.length} of ${writes.length} writes`
  )
  const next = Bench.after(rows, writes, yield* Bench.put(bench, writes))
  yield* Bench.holds(bench, next, "after all of them, the first again")
})

const hidden = Effect.fnUntraced(function* <A extends object>(
  bench: Bench.Bench<A>,
  rows: Bench.Rows<A>,
  during: ReadonlyArray<Write.Write<A>>
) {
  const isWritten = Deferred.makeUnsafe<Bench.Rows<A>, unknown>()
  const isSeen = Deferred.makeUnsafe<void>()
  const writer = yield* Effect.forkChild(
    Bench.transact(
      bench,
      Effect.gen(function* () {
        const next = Bench.after(rows, during, yield* Bench.put(bench, during))
        yield* Bench.holds(bench, next, "in the transaction that wrote it")
        yield* Deferred.succeed(isWritten, next)
        yield* Deferred.await(isSeen)
      })
    ).pipe(Effect.tapCause((cause) => Deferred.failCause(isWritten, cause)))
  )
  const next = yield* Deferred.await(isWritten)
  yield* Bench.holds(bench, rows, "while a transaction that writes is open")
  yield* Deferred.succeed(isSeen, undefined)
  yield* Fiber.join(writer)
  yield* Bench.holds(bench, next, "once it is committed")
})

const takeBack = "taken back" as const

const takenBack = Effect.fnUntraced(function* <A extends object>(
  bench: Bench.Bench<A>,
  rows: Bench.Rows<A>,
  during: ReadonlyArray<Write.Write<A>>,
  later: ReadonlyArray<Write.Write<A>>
) {
  yield* Bench.transact(bench, Effect.andThen(Bench.put(bench, during), Effect.fail(takeBack))).pipe(
    Effect.catchIf(
      (error) => error === takeBack,
      () => Effect.void
    )
  )
  yield* Bench.holds(bench, rows, "after a write that was taken back")
  const next = Bench.after(rows, later, yield* Bench.put(bench, later))
  yield* Bench.holds(bench, next, "after the next write")
})

const inner = Effect.fnUntraced(function* <A extends object>(
  bench: Bench.Bench<A>,
  rows: Bench.Rows<A>,
  during: ReadonlyArray<Write.Write<A>>,
  later: ReadonlyArray<Write.Write<A>>
) {
  const next = yield* Bench.transact(
    bench,
    Effect.gen(function* () {
      const kept = Bench.after(rows, during, yield* Bench.put(bench, during))
      yield* Bench.transact(bench, Effect.andThen(Bench.put(bench, later), Effect.fail(takeBack))).pipe(
        Effect.catchIf(
          (error) => error === takeBack,
          () => Effect.void
        )
      )
      yield* Bench.holds(bench, kept, "after an inner unit of work was taken back")
      return kept
    })
  )
  yield* Bench.holds(bench, next, "once what is around it is committed")
})
