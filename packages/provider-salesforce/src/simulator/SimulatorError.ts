/**
 * Why a simulator did not start, or did not do what it was told.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * - `Options`: an option is out of range;
 * - `Listen`: the port is taken or may not be used;
 * - `History`: the history cannot be written;
 * - `Refused`: a control call asked for what cannot be, and nothing more is done.
 *
 * @category errors
 * @since 0.1.0
 */
export class SimulatorError extends Schema.TaggedError<SimulatorError>()("SimulatorError", {
  reason: Schema.Literals(["Options", "Listen", "History", "Refused"]),
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
