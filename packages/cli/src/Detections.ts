/**
 * Detections as a section of a file: by name, each with all that is wrong with it.
 *
 * @since 0.1.0
 */
import * as Detection from "@tidemark/core/model/Detection"
import * as Name from "@tidemark/core/model/Name"
import * as Problem from "@tidemark/core/model/Problem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** By name. The order is that of the file. @category models @since 0.1.0 */
export type Detections = Readonly<Record<string, Detection.Detection>>

/** The most detections of a file. @category constants @since 0.1.0 */
export const detectionsMax = 200

/** By name, not yet looked into. @category schemas @since 0.1.0 */
export const Section = Schema.Record(Name.Name, Schema.Unknown).check(
  Schema.makeFilter(
    (section) => {
      const names = Object.keys(section)
      const isRight = names.length >= 1 && names.length <= detectionsMax
      return isRight && new Set(names.map((name) => name.toLowerCase())).size === names.length
        ? undefined
        : "no section"
    },
    { expected: `an object with 1 to ${detectionsMax} detections, whose names differ by more than case` }
  )
)

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/**
 * Reads the value of a section `detections`, plain JSON. One that cannot be read
 * keeps no other from being read, so that all problems are said at once.
 *
 * @param base where the section is in its file, for the paths
 * @category codecs
 * @since 0.1.0
 */
export const fromUnknown = (
  input: unknown,
  base: Problem.Path = ["detections"]
): Result.Result<Detections, Detection.DetectionError> => {
  const section = Problem.decode(Section, input, base)
  if (Result.isFailure(section)) return Result.fail(Detection.error(section.failure))
  const problems: Array<Problem.Problem> = []
  const pairs: Array<readonly [string, Detection.Detection]> = []
  for (const [name, one] of Object.entries(section.success)) {
    const read = Problem.decode(Detection.Detection, one, [...base, name])
    if (Result.isSuccess(read)) pairs.push([name, read.success])
    else problems.push(...read.failure)
  }
  return problems.length === 0 ? Result.succeed(Object.fromEntries(pairs)) : Result.fail(Detection.error(problems))
}

/** Reads a file that holds nothing but detections. @category codecs @since 0.1.0 */
export const fromFile = (input: unknown): Result.Result<Detections, Detection.DetectionError> => {
  const outline = Problem.decode(Whole, input)
  return Result.isFailure(outline)
    ? Result.fail(Detection.error(outline.failure))
    : fromUnknown(outline.success.detections)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const Whole = Schema.Struct({ detections: Schema.Unknown })
