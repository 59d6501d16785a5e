/**
 * A process of its own that holds an embedded server until it is killed. The
 * arguments are the options as JSON; what it writes is one line of JSON:
 * `{ url, dataDir, port }`.
 */
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const Options = Schema.fromJsonString(Schema.Struct({ dataDir: Schema.optionalKey(Schema.String) }))

const program = Effect.gen(function* () {
  const options = yield* Schema.decodeUnknownEffect(Options)(process.argv[2])
  const server = yield* EmbeddedPostgres.make(options)
  process.stdout.write(`${JSON.stringify(server)}\n`)
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program))
