/**
 * A broken law as text: what was claimed, expected and found, and the steps that
 * led there, each short; behind them how to try it again, and everything in full.
 * However large a case is, the text is bounded.
 *
 * @since 0.1.0
 */
import * as fc from "fast-check"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Failure {
  /** The law's name. */
  readonly law: string
  readonly cases: number
  /** What went wrong; without the values, where there are some. */
  readonly reason: string
  /** Values that should be the same and are not, as text. */
  readonly values: { readonly expected: string; readonly found: string } | undefined
  /** How the case came about, a line each. */
  readonly steps: ReadonlyArray<string>
  readonly seed: number
  readonly path: string
  readonly counterexample: string
}

/** Most characters of a line of the short part. @category constants @since 0.1.0 */
export const lineMax = 200

/** Most steps that are told. @category constants @since 0.1.0 */
export const stepsMax = 20

/** Most characters of anything told in full. @category constants @since 0.1.0 */
export const fullMax = 4_000

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** @category formatting @since 0.1.0 */
export const format = (failure: Failure): string => {
  const { cases, counterexample, law, path, reason, seed, steps, values } = failure
  const at = values === undefined ? 0 : differAt(values.expected, values.found)
  const told = steps.slice(0, stepsMax)
  const [short, ...more] = reason.split("\n")
  return [
    law,
    `is broken after ${cases} case${cases === 1 ? "" : "s"}: ${clip(short!)}`,
    ...(values === undefined
      ? []
      : [`  expected ${clip(values.expected, at)}`, `  found    ${clip(values.found, at)}`]),
    ...(told.length === 0 ? [] : ["with"]),
    ...told.map((step) => `  ${clip(step)}`),
    ...(steps.length > told.length ? [`  and ${steps.length - told.length} more`] : []),
    `try it again: law.check({ seed: ${seed}, path: ${JSON.stringify(path)} })`,
    "",
    "in full",
    ...(more.length > 0 || short!.length > lineMax ? [`  reason: ${clip(reason, 0, fullMax)}`] : []),
    ...(values === undefined || values.expected.length + values.found.length <= 2 * lineMax
      ? []
      : [`  expected: ${clip(values.expected, at, fullMax)}`, `  found: ${clip(values.found, at, fullMax)}`]),
    `  counterexample: ${clip(counterexample, 0, fullMax)}`
  ].join("\n")
}

/**
 * A case as steps: the elements of a list, numbered, those of a list in it numbered
 * below it, and what has names by its names.
 *
 * @param line tells one step; `undefined` leaves it as it is
 * @category formatting
 * @since 0.1.0
 */
export const steps = (
  value: unknown,
  line: (step: unknown) => string | undefined = () => undefined,
  place = ""
): ReadonlyArray<string> => {
  const own = line(value)
  const label = place === "" ? "" : `${place} `
  if (own !== undefined) return [`${label}${own}`]
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((one, index) => steps(one, line, place === "" ? `${index + 1}` : `${place}.${index + 1}`))
  }
  if (isRecord(value) && (place === "" || Object.values(value).some(Array.isArray))) {
    return Object.entries(value).flatMap(([name, one]) => steps(one, line, `${label}${name}`))
  }
  return value === undefined && place === "" ? [] : [`${label}${fc.stringify(value)}`]
}

/**
 * At most so many characters of a text, around a place, and how many there are.
 *
 * @category formatting
 * @since 0.1.0
 */
export const clip = (text: string, at = 0, max = lineMax): string => {
  if (text.length <= max) return text
  const start = Math.max(0, Math.min(at - Math.floor(max / 4), text.length - max))
  const part = text.slice(start, start + max).toWellFormed()
  return `${start > 0 ? "..." : ""}${part}${start + max < text.length ? "..." : ""} (of ${text.length} characters)`
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const differAt = (a: string, b: string): number => {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  return at
}

const isRecord = (value: unknown): value is object => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === null || prototype === Object.prototype) && Object.keys(value).length > 0
}
