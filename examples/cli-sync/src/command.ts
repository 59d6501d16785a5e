/**
 * `tidemark sync`: its flags, and what it prints.
 */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Database from "./database.ts"
import * as Job from "./job.ts"
import * as Problem from "./problem.ts"
import * as Report from "./report.ts"

/** `500ms`, `30s`, `5m`, `2h`. */
const duration = (name: string, otherwise: string) =>
  Flag.String(name).pipe(
    Flag.withDefault(otherwise),
    Flag.filterMap(
      (text) => {
        const [, amount, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
        return amount === undefined ? Option.none() : Option.some(Duration.millis(Number(amount) * millis[unit as "s"]))
      },
      () => "a duration such as 500ms, 30s, 5m or 2h"
    )
  )

const noObjects = "--objects names no object; give API names such as Account,Contact"

const millis = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

const flags = {
  source: Flag.Literals("source", ["salesforce"]).pipe(Flag.withDescription("Where the records come from")),
  url: Flag.String("url").pipe(Flag.withDescription("Address of the org, such as https://NAME.my.salesforce.com")),
  token: Flag.Redacted("token").pipe(Flag.withDescription("Access token of the org")),
  apiVersion: Flag.String("api-version").pipe(Flag.withDescription("API version"), Flag.withDefault("66.0")),
  objects: Flag.String("objects").pipe(Flag.withDescription("API names of the objects, such as Account,Contact")),
  databaseUrl: Flag.String("database-url").pipe(
    Flag.withDescription("PostgreSQL to write to, such as postgres://user@host/database"),
    Flag.optional
  ),
  dataDir: Flag.String("data-dir").pipe(
    Flag.withDescription("Without --database-url: where an embedded PostgreSQL keeps its data"),
    Flag.withDefault(".tidemark")
  ),
  settle: duration("settle", "5m").pipe(
    Flag.withDescription("How late a row may become visible: how far the cursor stays behind the present")
  ),
  lease: duration("lease", "30s").pipe(Flag.withDescription("How long the lane of a run that died stays taken")),
  batchSize: Flag.Int("batch-size").pipe(
    Flag.withDescription("Most records of one commit"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))),
    Flag.withDefault(500)
  ),
  takeOver: Flag.Boolean("take-over").pipe(
    Flag.withDescription("Take the lanes over from a run that still holds them"),
    Flag.withDefault(false)
  ),
  release: Flag.Boolean("release").pipe(
    Flag.withDescription("Release lanes that were stopped because too many records were refused"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON line per object"), Flag.withDefault(false))
}

export const sync = Command.make(
  "sync",
  flags,
  Effect.fnUntraced(function* (input) {
    const objects = input.objects
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
    if (objects.length === 0) return yield* new Problem.Problem({ message: noObjects, isMendable: true })
    const isTerminal = process.stderr.isTTY
    const write = (text: string) => Effect.sync(() => void process.stderr.write(text))
    const output: Job.Output = {
      line: (line) =>
        Effect.andThen(
          isTerminal ? write("\r\u001b[2K") : Effect.void,
          Console.log(input.json ? JSON.stringify(line) : Report.format(line))
        ),
      progress: (object, read, seconds) => (isTerminal ? write(Report.progress(object, read, seconds)) : Effect.void)
    }
    const settings: Job.Settings = {
      url: input.url,
      token: input.token,
      apiVersion: input.apiVersion,
      objects,
      settle: input.settle,
      lease: input.lease,
      batchSize: input.batchSize,
      isTakingOver: input.takeOver,
      isReleasing: input.release
    }
    const database = Database.layer({ url: Option.getOrUndefined(input.databaseUrl), dataDir: input.dataDir })
    const lines = yield* Job.run(settings, output).pipe(
      Effect.provide(database),
      Effect.mapError((error) => (error._tag === "Problem" ? error : Problem.from(error, { hasCommitted: false })))
    )
    if (lines.some((line) => line.quarantined > 0)) return yield* new Problem.Quarantined()
  })
).pipe(
  Command.withDescription("Bring objects into PostgreSQL tables: one incremental run per object"),
  Command.withExamples([
    {
      command:
        "tidemark sync --source salesforce --url https://NAME.my.salesforce.com --token TOKEN --objects Account,Contact",
      description: "Sync two objects into an embedded PostgreSQL in .tidemark"
    }
  ])
)
