/**
 * A sink of your own: one JSON file per record, in a folder.
 *
 * It is an external sink, since a file does not join a database's transaction: the
 * engine writes each record at least once. A record is put by renaming a finished
 * file, so that a crash leaves the old record or the new one, and putting it again
 * changes nothing.
 */
import { ChangeSink, type FieldDiffer, type Observation, type Subscription } from "@tidemark/core"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"

export interface Options<A> {
  /** Made when it is missing. */
  readonly directory: string
  readonly schema: FieldDiffer.RecordSchema<A>
}

export const make = Effect.fnUntraced(function* <A extends object>({ directory, schema }: Options<A>) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(directory, { recursive: true })
  const File = Schema.fromJsonString(Schema.Struct({ localId: Schema.String, record: Schema.toCodecJson(schema) }))
  const fileOf = (subscription: Subscription.Subscription, id: Observation.ExternalId) =>
    `${directory}/${nameOf(subscription, id)}.json`

  return ChangeSink.fromRecordwise<A>({
    label: `files in ${directory}`,
    find: (subscription, id) =>
      fs.readFileString(fileOf(subscription, id)).pipe(
        Effect.flatMap(Schema.decodeUnknownEffect(File)),
        Effect.catchIf(isMissing, () => Effect.undefined),
        Effect.mapError(unavailable)
      ),
    put: (subscription, { externalId, localId, record }) =>
      Effect.gen(function* () {
        const file = fileOf(subscription, externalId)
        yield* fs.writeFileString(`${file}.new`, yield* Schema.encodeEffect(File)({ localId, record }))
        yield* fs.rename(`${file}.new`, file)
        return {}
      }).pipe(Effect.mapError(unavailable)),
    remove: (subscription, { externalId }) =>
      fs.remove(fileOf(subscription, externalId)).pipe(
        Effect.catchIf(isMissing, () => Effect.void),
        Effect.mapError(unavailable)
      )
  })
})

/** Ids may hold any character and differ by case alone; names of files may not. */
const nameOf = ({ connection, entity, tenant }: Subscription.Subscription, id: Observation.ExternalId): string =>
  createHash("sha256")
    .update(JSON.stringify([tenant, connection.provider, connection.account, entity, id]))
    .digest("hex")

type Failure = PlatformError.PlatformError | Schema.SchemaError

const isMissing = (error: Failure): boolean => error._tag === "PlatformError" && error.reason._tag === "NotFound"

const unavailable = (error: Failure): ChangeSink.SinkError =>
  new ChangeSink.SinkError({ reason: "Unavailable", sink: "files", message: error.message, cause: error })
