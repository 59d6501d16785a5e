/**
 * The connection to Salesforce and to the database, as far as it can be looked at
 * without writing.
 */
import { Configuration, Connection, Problem } from "@tidemark/cli"
import { GuardedHttpClient } from "@tidemark/http"
import { Check, Discover } from "@tidemark/provider-salesforce"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Config from "./config.ts"
import * as DatabaseCheck from "./databaseCheck.ts"
import type { Input } from "./flags.ts"
import * as Salesforce from "./salesforce.ts"

type Tell = (step: Connection.Step) => Effect.Effect<void>

/** What the commands about the connection need; the configuration is read when one asks for it. */
export const make = Effect.fnUntraced(function* (input: Input) {
  const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const config = Config.load(input)
  const guarded = Layer.unwrap(
    Effect.match(
      Effect.flatMap(config, ({ source }) => source),
      {
        // Told by whoever needs the source.
        onFailure: () => GuardedHttpClient.layer({ configured: [] }),
        onSuccess: ({ addresses }) => GuardedHttpClient.layer({ configured: addresses })
      }
    )
  )
  const client = config.pipe(
    Effect.flatMap(({ source }) => source),
    Effect.flatMap(Salesforce.client)
  )
  const bringing = <A, E extends { readonly _tag: string; readonly message: string }>(
    effect: Effect.Effect<A, E, HttpClient | FileSystem.FileSystem | Path.Path>
  ) =>
    effect.pipe(
      Effect.mapError((error) => Problem.from(error, { hasCommitted: false })),
      Effect.provide(guarded),
      Effect.provideContext(context)
    )
  return Connection.Connection.of({
    spec,
    check: (tell) => bringing(Effect.flatMap(config, (config) => check(config, tell))),
    objects: bringing(Effect.flatMap(client, Discover.objects)),
    object: (name) =>
      bringing(
        Effect.map(
          Effect.flatMap(client, (org) => Discover.object(org, name)),
          withColumns
        )
      ),
    starter: (objects) =>
      bringing(
        Effect.map(
          Effect.flatMap(config, ({ source }) => source),
          (source) => starter(source, objects)
        )
      )
  })
})

// -----------------------------------------------------------------------------
// spec
// -----------------------------------------------------------------------------

const schemaOf = (schema: Schema.Constraint): object => {
  const { definitions, schema: root } = Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" })
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...root,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions })
  }
}

const spec = { file: schemaOf(Configuration.schema(Config.settings)), source: schemaOf(Config.settings) }

// -----------------------------------------------------------------------------
// check
// -----------------------------------------------------------------------------

const check = Effect.fnUntraced(function* (config: Config.Config, tell: Tell) {
  const parts = yield* Effect.all(
    { source: config.source, objects: config.objects, database: config.database },
    { mode: "result" }
  )
  const failing = (step: string) => (problem: Problem.Problem) =>
    tell({ step, status: "fail", message: problem.message.replaceAll(/\n\s*/g, " ") })
  yield* Result.match(parts.source, {
    onFailure: failing("settings"),
    onSuccess: Effect.fnUntraced(function* (source) {
      const names = Result.getOrElse(parts.objects, () => []).map(({ name }) => name)
      yield* Check.run({ ...source, objects: names }, tell)
      if (source.rotation !== undefined) yield* tell(rotationOf(source.rotation, yield* Config.canKeep(source)))
    })
  })
  if (Result.isFailure(parts.objects)) yield* failing("objects")(parts.objects.failure)
  yield* Result.match(parts.database, {
    onFailure: failing("database"),
    onSuccess: (database) => DatabaseCheck.run(database, tell)
  })
})

const rotationOf = (file: string, canKeep: boolean): Connection.Step =>
  canKeep
    ? { step: "rotation", status: "ok", message: `A new refresh token can be kept in ${file}` }
    : {
        step: "rotation",
        status: "warn",
        message: `A new refresh token cannot be kept: ${file} cannot be replaced. If the app rotates refresh tokens, make its directory writable, or the app will have to be authorised again.`
      }

// -----------------------------------------------------------------------------
// discover
// -----------------------------------------------------------------------------

const withColumns = ({ fields, label, name }: Discover.Described): Connection.Described => ({
  name,
  label,
  table: Salesforce.tableOf(name),
  fields: fields.map((field) => ({
    ...field,
    column: field.leftOut === undefined ? Salesforce.columnOf(field.name) : undefined
  }))
})

/** Names are those of the org: what is no plain name is left out, and nothing needs quotes. */
const starter = ({ apiVersion, url }: Config.Source, objects: ReadonlyArray<string>): string =>
  [
    "# How both sides are reached. Flags win over what is here.",
    "source:",
    "  provider: salesforce",
    `  url: ${JSON.stringify(url)}`,
    `  apiVersion: ${JSON.stringify(apiVersion)}`,
    "  # Also: refresh, jwt, clientCredentials. A secret is { env: NAME } or { file: PATH }.",
    "  auth:",
    "    type: bearer",
    "    token: { env: SALESFORCE_TOKEN }",
    "# A list of names, or names with settings of their own, such as Account: { settle: 10m }.",
    ...(objects.length === 0 ? ["objects: []"] : ["objects:"]),
    ...objects
      .filter((name) => /^[A-Za-z][A-Za-z0-9_]*$/.test(name))
      .slice(0, Configuration.objectsMax)
      .map((name) => `  - ${name}`),
    "settle: 5m",
    "# Also: url: { env: DATABASE_URL }.",
    "database:",
    "  dataDir: .tidemark"
  ].join("\n")
