/**
 * Flags that several commands have.
 */
import * as Schema from "effect/Schema"
import * as Flag from "effect/cli/Flag"

export const whole = (name: string, otherwise: number, minimum: number, maximum: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withDescription(description),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum, maximum }))),
    Flag.withDefault(otherwise)
  )

export const seed = whole("seed", 1, 0, Number.MAX_SAFE_INTEGER, "Everything but the time of a kill follows from it")

export const history = Flag.Directory("history").pipe(Flag.withDescription("Where the history goes"), Flag.optional)
