/**
 * How both sides are reached: flags of every command.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Flag from "effect/cli/Flag"

const millis = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** `500ms`, `30s`, `5m`, `2h`. */
const duration = (name: string) =>
  Flag.String(name).pipe(
    Flag.filterMap(
      (text) => {
        const [, amount, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
        return amount === undefined ? Option.none() : Option.some(Duration.millis(Number(amount) * millis[unit as "s"]))
      },
      () => "a duration such as 500ms, 30s, 5m or 2h"
    )
  )

export const flags = {
  source: Flag.Literals("source", ["salesforce"]).pipe(Flag.withDescription("Where the records come from")),
  url: Flag.String("url").pipe(Flag.withDescription("Address of the org, such as https://NAME.my.salesforce.com")),
  token: Flag.Redacted("token").pipe(Flag.withDescription("Access token of the org")),
  apiVersion: Flag.String("api-version").pipe(Flag.withDescription("API version"), Flag.withDefault("66.0")),
  objects: Flag.String("objects").pipe(
    Flag.withDescription("API names of the objects, such as Account,Contact"),
    Flag.optional
  ),
  detections: Flag.String("detections").pipe(
    Flag.withDescription("YAML or JSON file that says which records of which objects, and how their fields are called"),
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
  settle: duration("settle").pipe(
    Flag.withDescription(
      "How late a row of --objects may become visible: how far the cursor stays behind the present; 5m unless given"
    ),
    Flag.optional
  ),
  lease: duration("lease").pipe(
    Flag.withDescription("How long the lane of a run that died stays taken"),
    Flag.withDefault(Duration.seconds(30))
  ),
  batchSize: Flag.Int("batch-size").pipe(
    Flag.withDescription("Most records of one commit"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))),
    Flag.withDefault(500)
  )
}
