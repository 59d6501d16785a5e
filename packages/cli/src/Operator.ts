/**
 * Who runs a command that changes something: it is stored with the change.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Flag from "effect/cli/Flag"

/**
 * The default knows nobody: an application gives the name that its system has for
 * whoever runs it.
 *
 * @category services
 * @since 0.1.0
 */
export const Operator = Context.Reference<string>("@tidemark/cli/Operator", { defaultValue: () => "unknown" })

/** The longest name. @category constants @since 0.1.0 */
export const nameMax = 200

/** Somebody else than whoever runs the command. @category flags @since 0.1.0 */
export const by = Flag.String("by").pipe(
  Flag.withDescription("Who does it; whoever runs the command when not given"),
  Flag.filter(
    (name) => name.trim() !== "" && name.length <= nameMax,
    () => `a name of 1 to ${nameMax} characters`
  ),
  Flag.optional
)

/** @category readers @since 0.1.0 */
export const nameOf = (given: Option.Option<string>): Effect.Effect<string> =>
  Option.isSome(given) ? Effect.succeed(given.value) : Effect.map(Operator, (name) => name.slice(0, nameMax))
