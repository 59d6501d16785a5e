/**
 * How both sides are reached: flags of every command. Those of the source are
 * asked for by the commands that read it, and missed by no other.
 */
import { Problem } from "@tidemark/cli"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Flag from "effect/cli/Flag"

const millis = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

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

export const flags = {
  source: Flag.Literals("source", ["salesforce"]).pipe(
    Flag.withDescription("Where the records come from"),
    Flag.withDefault("salesforce" as const)
  ),
  url: Flag.String("url").pipe(
    Flag.withDescription("Address of the org, such as https://NAME.my.salesforce.com"),
    Flag.optional
  ),
  token: Flag.Redacted("token").pipe(Flag.withDescription("Access token of the org"), Flag.optional),
  apiVersion: Flag.String("api-version").pipe(Flag.withDescription("API version"), Flag.withDefault("66.0")),
  objects: Flag.String("objects").pipe(
    Flag.withDescription("API names of the objects, such as Account,Contact"),
    Flag.optional
  ),
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
  )
}

/** A flag that only some commands need. */
export const required = <A>(name: "url" | "token" | "objects", value: Option.Option<A>) =>
  Option.isSome(value)
    ? Effect.succeed(value.value)
    : Effect.fail(Problem.mendable(`--${name} is missing: ${missing[name]}`))

const missing = {
  url: "give the address of the org, such as https://NAME.my.salesforce.com",
  token: "give an access token of the org",
  objects: "give API names of objects, such as Account,Contact"
}
