/**
 * Numbers and times that a caller may set, looked at before anything is sent.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as SalesforceError from "./SalesforceError.ts"

type Checked = Effect.Effect<number, ChangeSource.SourceError>

const refuse = (name: string, wanted: string) =>
  Effect.fail(SalesforceError.invalid("salesforce", `The option ${name} must be ${wanted}.`))

/** A whole number within bounds, both included. @category checks @since 0.1.0 */
export const whole = (name: string, value: number, least: number, most: number): Checked =>
  Number.isInteger(value) && value >= least && value <= most
    ? Effect.succeed(value)
    : refuse(name, `a whole number from ${least} to ${most}`)

/** A share: above 0 (or 0 itself, where `isZero`), and at most 1. @category checks @since 0.1.0 */
export const share = (name: string, value: number, isZero = false): Checked =>
  value <= 1 && (value > 0 || (isZero && value === 0))
    ? Effect.succeed(value)
    : refuse(name, `a number above ${isZero ? "or equal to " : ""}0, and at most 1`)

/** A time within bounds, both included, as milliseconds. @category checks @since 0.1.0 */
export const time = (name: string, value: Duration.Input, least: Duration.Input, most: Duration.Input): Checked => {
  const [millis, from, to] = [value, least, most].map((input) =>
    Option.getOrUndefined(Option.map(Duration.fromInput(input), Duration.toMillis))
  )
  return millis !== undefined && millis >= (from ?? 0) && millis <= (to ?? 0)
    ? Effect.succeed(millis)
    : refuse(name, `a time from ${least} to ${most}`)
}
