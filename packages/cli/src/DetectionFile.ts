/**
 * A file of detections, in YAML or JSON.
 *
 * @since 0.1.0
 */
import type * as Detection from "@tidemark/core/model/Detection"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Detections from "./Detections.ts"
import * as Problem from "./Problem.ts"
import * as Text from "./Text.ts"
import * as Yaml from "./Yaml.ts"

/**
 * Reads a file of at most `Yaml.bytesMax` bytes. Fails with a wrong call: every
 * problem on a line of its own, with the name of the file and the path in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<Detections.Detections, Problem.Problem, FileSystem.FileSystem> {
  const parsed = Yaml.parse(yield* textOf(path))
  if (Result.isFailure(parsed)) return yield* inFile(path, parsed.failure)
  const detections = Detections.fromFile(parsed.success)
  return Result.isFailure(detections) ? yield* inFile(path, detections.failure) : detections.success
})

/** What is wrong with a file, each line with its name. @category errors @since 0.1.0 */
export const inFile = (path: string, { message }: Yaml.YamlError | Detection.DetectionError): Problem.Problem =>
  Problem.mendable(
    message
      .split("\n")
      .map((line) => Text.safe(`${path}: ${line}`))
      .join("\n")
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// Of a file without an end, such as a device, no more is read than is looked at.
const textOf = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<string, Problem.Problem, FileSystem.FileSystem> {
  const files = yield* FileSystem.FileSystem
  const unreadable = ({ message }: PlatformError.PlatformError) =>
    Problem.mendable(Text.safe(`${path} cannot be read: ${Text.clip(message, 300)}`))
  const bytes = yield* files
    .stream(path, { bytesToRead: Yaml.bytesMax + 1 })
    .pipe(Stream.mkUint8Array, Effect.mapError(unreadable))
  if (bytes.length > Yaml.bytesMax)
    return yield* Problem.mendable(Text.safe(`${path}: it has more than ${Yaml.bytesMax} bytes`))
  const decoded = Result.try(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  return Result.isFailure(decoded)
    ? yield* Problem.mendable(Text.safe(`${path}: it is not UTF-8 text`))
    : decoded.success
})
