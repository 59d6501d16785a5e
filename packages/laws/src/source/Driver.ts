/**
 * What happens upstream, as a test decides it, whatever the upstream is: a value, a
 * simulator behind HTTP, a sandbox of the provider.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** All times are source time, in ms. What fails here ends the case. @category models @since 0.1.0 */
export interface Driver<A> {
  /**
   * Makes the record of this name look like this, whether it is there or not.
   * Readers see it after `lateBy`; an upstream whose changes are visible at once may
   * pass that over.
   */
  readonly put: (name: string, record: A, lateBy: number) => Effect.Effect<unknown, unknown>
  /** Removes the record of this name, which is there. */
  readonly remove: (name: string) => Effect.Effect<unknown, unknown>
  readonly pass: (millis: number) => Effect.Effect<unknown, unknown>
  /** Since the epoch. */
  readonly now: Effect.Effect<number, unknown>
  /** The records that a reader sees now, by external id, as the source would tell them. */
  readonly visible: Effect.Effect<ReadonlyMap<string, A>, unknown>
}

/** @category models @since 0.1.0 */
export type Change<A> =
  | { readonly _tag: "Put"; readonly name: string; readonly record: A; readonly late: number }
  | { readonly _tag: "Remove"; readonly name: string }
  | { readonly _tag: "Pass"; readonly span: number }

/** How fast an upstream is, in ms. @category models @since 0.1.0 */
export interface Pace {
  /** How long a change may stay invisible. */
  readonly settle: number
  /** Length of one tick of the upstream's clock. */
  readonly tick: number
}

/** Makes changes one by one, and remembers which names have a record. @category models @since 0.1.0 */
export interface Player<A> {
  readonly play: (changes: Iterable<Change<A>>) => Effect.Effect<void, unknown>
  /** Lets time pass until all is visible, and below the horizon. */
  readonly quiet: Effect.Effect<void, unknown>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const player = <A>(driver: Driver<A>, { settle, tick }: Pace): Player<A> => {
  const names = new Set<string>()
  const lateMost = Math.max(0, settle - tick)
  const lates = [0, Math.floor(lateMost / 2), lateMost]
  const spans = [tick, Math.floor(settle / 2), settle, 3 * settle]
  return {
    play: Effect.fnUntraced(function* (changes) {
      for (const change of changes) {
        if (change._tag === "Pass") yield* driver.pass(spans[change.span % spans.length]!)
        else if (change._tag === "Put") {
          names.add(change.name)
          yield* driver.put(change.name, change.record, lates[change.late % lates.length]!)
        } else if (names.delete(change.name)) yield* driver.remove(change.name)
      }
    }),
    quiet: Effect.asVoid(driver.pass(3 * settle + 2 * tick))
  }
}

// -----------------------------------------------------------------------------
// arbitraries
// -----------------------------------------------------------------------------

/** Few, so that a record is changed again. @category arbitraries @since 0.1.0 */
export const name = fc.constantFrom("a", "b", "c", "d", "e")

/** A record that is put, and visible at once unless it may be late. @category arbitraries @since 0.1.0 */
export const put = <A>(records: fc.Arbitrary<A>, isLate = false): fc.Arbitrary<Change<A>> =>
  fc.record({ _tag: fc.constant("Put" as const), name, record: records, late: isLate ? fc.nat(2) : fc.constant(0) })

/** @category arbitraries @since 0.1.0 */
export const change = <A>(records: fc.Arbitrary<A>): fc.Arbitrary<Change<A>> =>
  fc.oneof(
    { weight: 5, arbitrary: put(records, true) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Remove" as const), name }) },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Pass" as const), span: fc.nat(3) }) }
  )

/** @category arbitraries @since 0.1.0 */
export const changes = <A>(records: fc.Arbitrary<A>, maxLength = 8): fc.Arbitrary<ReadonlyArray<Change<A>>> =>
  fc.array(change(records), { minLength: 1, maxLength })
