/**
 * One claim, tried on many generated cases, in any test runner.
 *
 * A law that fails says which law it is, the smallest counterexample it found,
 * and how to try exactly that case again. A case that does not end is a failure
 * too. One that says nothing of what it was given says that it says nothing.
 *
 * ```ts
 * it("obeys the laws", () => Law.verify(verifySink(options)))
 * for (const law of verifySink(options)) it(law.name, () => law.check())
 * ```
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import * as Telling from "./Telling.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  /** Number of cases. Default: as many as the law asks for. */
  readonly runs?: number
  /** Makes the cases repeatable. Default: another one each time. */
  readonly seed?: number
  /** Goes straight to one case of a seed, as a failure named it. */
  readonly path?: string
  /** Whether a counterexample is made smaller before it is told. Default: `true`. */
  readonly isShrinking?: boolean
}

/** @category models @since 0.1.0 */
export interface Law {
  /** For example `"L09"`. */
  readonly id: string
  /** The claim, beginning with the id. */
  readonly name: string
  /**
   * How many cases `check` tries unless it is told otherwise. A case is one generated
   * value and all that is done with it: a few values compared, or a scenario played
   * from an empty store to its end. So laws cost unlike amounts of time per case, and
   * the number says how many are worth it, relative to the other laws.
   */
  readonly runs: number
  /** Resolves when all cases obeyed, rejects with `Broken` when one did not. */
  readonly check: (options?: Options) => Promise<Checked>
}

/** What a law that is not broken came to. @category models @since 0.1.0 */
export interface Checked {
  readonly law: string
  /** Cases that were tried and obeyed. */
  readonly cases: number
  /** Why nothing was tried: the law says nothing of what it was given. */
  readonly notApplicable?: string
}

/** All values that a law is about, when they can be counted. @category models @since 0.1.0 */
export interface Cases<out T> {
  readonly size: number
  /** From 0 to `size - 1`. */
  readonly at: (place: number) => T
}

/** A law found a case it does not hold for. @category errors @since 0.1.0 */
export class Broken extends Data.TaggedError("Broken")<{
  readonly message: string
  readonly law: string
  readonly seed: number
  readonly path: string
  /** As text. */
  readonly counterexample: string
  /** What one case failed with: a `Violation`, or an accident on the way. */
  readonly cause: unknown
}> {}

/** What a case of a law fails with when the claim does not hold for it. @category errors @since 0.1.0 */
export class Violation extends Data.TaggedError("Violation")<{
  readonly message: string
  /** What was compared, where two values should be the same. */
  readonly values?: { readonly what: string; readonly expected: string; readonly found: string }
}> {}

/** What a case of a law succeeds with that the law says nothing of. @category models @since 0.1.0 */
export class NotApplicable extends Data.TaggedClass("NotApplicable")<{ readonly reason: string }> {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** How long one case may take, in ms; a safeguard against a case that hangs. @category constants @since 0.1.0 */
export const patience = 30_000

/** Cases of a law that does not say how many it wants. @category constants @since 0.1.0 */
export const runsDefault = 100

/**
 * A law over generated values. `layer` is built once per check and serves all its
 * cases.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <T, R = never>(options: {
  readonly id: string
  /** The claim without the id. */
  readonly claim: string
  /** Default: `runsDefault`. */
  readonly runs?: number
  readonly arbitrary: fc.Arbitrary<T>
  /** All values there are: tried one by one where there are cases enough, else some as generated. */
  readonly all?: Cases<T>
  readonly layer?: Layer.Layer<R, unknown>
  /** The steps of a case, for who reads what broke the law. Default: `Telling.steps`. */
  readonly tell?: (value: T) => ReadonlyArray<string>
  /** Fails, or dies, for a case that breaks the law. `NotApplicable` is for one it says nothing of. */
  readonly holds: (value: T) => Effect.Effect<unknown, unknown, R>
}): Law => ({
  id: options.id,
  name: `${options.id} ${options.claim}`,
  runs: options.runs ?? runsDefault,
  check: (settings = {}) => {
    const layer = (options.layer ?? Layer.empty) as Layer.Layer<R, unknown> // without a layer `R` is `never`
    return Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(layer)
          const passed: Array<NotApplicable> = []
          const property = fc.asyncProperty(options.arbitrary, (value) =>
            Effect.runPromise(Effect.provideContext(options.holds(value), context)).then((answer) => {
              if (answer instanceof NotApplicable) passed.push(answer)
            })
          )
          const details = yield* Effect.promise(() => fc.check(property, parametersOf(settings, options)))
          const law = `${options.id} ${options.claim}`
          if (details.failed) return yield* broken(law, details, options.tell ?? Telling.steps)
          const cases = details.numRuns - passed.length
          return { law, cases, ...(cases === 0 && passed[0] !== undefined ? { notApplicable: passed[0].reason } : {}) }
        })
      )
    )
  }
})

/** A law about one fixed case. @category constructors @since 0.1.0 */
export const always = <R = never>(options: {
  readonly id: string
  readonly claim: string
  readonly layer?: Layer.Layer<R, unknown>
  readonly holds: Effect.Effect<void, unknown, R>
}): Law => make({ ...options, runs: 1, arbitrary: fc.constant(undefined), holds: () => options.holds })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Checks laws one after another; rejects with the first that is broken.
 *
 * @category combinators
 * @since 0.1.0
 */
export const verify = (laws: ReadonlyArray<Law>, options: Options = {}): Promise<ReadonlyArray<Checked>> =>
  laws.reduce(
    (before, law) => before.then((checked) => law.check(options).then((one) => [...checked, one])),
    Promise.resolve<ReadonlyArray<Checked>>([])
  )

/** Fails with a violation unless the condition is true. @category guards @since 0.1.0 */
export const requires = (condition: boolean, message: () => string): Effect.Effect<void, Violation> =>
  condition ? Effect.void : Effect.fail(new Violation({ message: message() }))

/** Fails with a violation unless both are the same, compared as text with sorted keys. @category guards @since 0.1.0 */
export const same = (what: string, actual: unknown, expected: unknown): Effect.Effect<void, Violation> =>
  Effect.suspend(() => {
    const [is, should] = [show(actual), show(expected)]
    if (is === should) return Effect.void
    const message = `${what}: expected ${Telling.clip(should)}, found ${Telling.clip(is)}`
    return Effect.fail(new Violation({ message, values: { what, expected: should, found: is } }))
  })

/** A value as text: keys sorted, maps and sets as lists. @category formatting @since 0.1.0 */
export const show = (value: unknown): string => JSON.stringify(value, plain) ?? "undefined"

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const plain = (_key: string, value: unknown): unknown => {
  if (typeof value === "bigint") return `${value}n`
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  if (value instanceof Map || value instanceof Set) return [...value]
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

const parametersOf = <T>(
  { isShrinking, path, runs, seed }: Options,
  law: { readonly runs?: number; readonly all?: Cases<T> }
): fc.Parameters<[T]> => {
  const cases = runs ?? law.runs ?? runsDefault
  const { all } = law
  const isWhole = all !== undefined && cases >= all.size
  return {
    numRuns: isWhole ? all.size : cases,
    timeout: patience,
    endOnFailure: isShrinking === false,
    ...(isWhole ? { examples: Array.from({ length: all.size }, (_, place): [T] => [all.at(place)]) } : {}),
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path })
  }
}

const broken = <T>(law: string, details: fc.RunDetails<[T]>, tell: (value: T) => ReadonlyArray<string>): Broken => {
  const { counterexample: found, errorInstance: cause, numRuns: cases, seed } = details
  const path = details.counterexamplePath ?? ""
  const counterexample = fc.stringify(found?.[0])
  const steps = found === null ? [] : tell(found[0])
  const values = cause instanceof Violation ? cause.values : undefined
  const reason = values?.what ?? textOf(cause)
  const message = Telling.format({ law, cases, reason, values, steps, seed, path, counterexample })
  return new Broken({ message, law, seed, path, counterexample, cause })
}

/** Some errors have no message of their own, only a cause that has. */
const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== "") return error.message
  return error.cause === undefined ? error.name : `${error.name}: ${textOf(error.cause)}`
}
