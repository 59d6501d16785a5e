/**
 * A claim that did not hold, as the end of a command: told in full, exit code 1.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Judge from "./Judge.ts"

export class Broken extends Schema.TaggedError<Broken>()("Broken", { message: Schema.String }) {}

/** How many findings are told. */
const told = 20

/** Fails with what is wrong. */
export const require = (
  { ok }: Pick<Judge.Verdict, "ok">,
  violations: ReadonlyArray<string>
): Effect.Effect<void, Broken> => {
  if (ok) return Effect.void
  const rest = violations.length > told ? [`and ${violations.length - told} more`] : []
  const reasons = violations.length === 0 ? ["no kill struck inside a transaction, or nothing was copied"] : violations
  return Effect.fail(
    new Broken({ message: ["The guarantees do not hold:", ...reasons.slice(0, told), ...rest].join("\n") })
  )
}
