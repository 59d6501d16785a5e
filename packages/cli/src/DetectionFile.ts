/**
 * A file of detections, in YAML or JSON.
 *
 * @since 0.1.0
 */
import * as Detection from "@tidemark/core/model/Detection"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as ConfigurationFile from "./ConfigurationFile.ts"
import * as ConfigurationText from "./ConfigurationText.ts"
import * as Detections from "./Detections.ts"
import * as Problem from "./Problem.ts"
import * as Text from "./Text.ts"

/**
 * Reads a file within the bounds of `ConfigurationText`. Fails with a wrong call:
 * every problem on a line of its own, with the name of the file and the path in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<Detections.Detections, Problem.Problem, FileSystem.FileSystem> {
  const { text } = yield* Effect.mapError(ConfigurationFile.read(path, ConfigurationText.sizeMax), ({ message }) =>
    Problem.mendable(Text.safe(`${path} ${message}`))
  )
  const parsed = ConfigurationText.parse(text)
  if (Result.isFailure(parsed)) return yield* inFile(path, Detection.error(parsed.failure))
  const detections = Detections.fromFile(parsed.success)
  return Result.isFailure(detections) ? yield* inFile(path, detections.failure) : detections.success
})

/** What is wrong with a file, each line with its name. @category errors @since 0.1.0 */
export const inFile = (path: string, { message }: Detection.DetectionError): Problem.Problem =>
  Problem.mendable(
    message
      .split("\n")
      .map((line) => Text.safe(`${path}: ${line}`))
      .join("\n")
  )
