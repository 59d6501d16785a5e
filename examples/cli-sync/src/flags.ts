/**
 * How both sides are reached: flags of every command.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Flag from "effect/cli/Flag"

const millis = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `30s`, `5m`, `2h`, `7d`. */
const duration = Flag.filterMap(
  (text: string) => {
    const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? []
    return amount === undefined ? Option.none() : Option.some(Duration.millis(Number(amount) * millis[unit as "s"]))
  },
  () => "a duration such as 500ms, 30s, 5m, 2h or 7d"
)

export const flags = {
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
  settle: Flag.String("settle").pipe(
    Flag.withDefault("5m"),
    duration,
    Flag.withDescription("How late a row may become visible: how far the cursor stays behind the present")
  ),
  fullEvery: Flag.String("full-every").pipe(
    duration,
    Flag.withDescription(
      "How often everything is read again, such as 7d: formulas move no stamp. Never, when not given"
    ),
    Flag.optional
  ),
  lease: Flag.String("lease").pipe(
    Flag.withDefault("30s"),
    duration,
    Flag.withDescription("How long the lane of a run that died stays taken")
  ),
  batchSize: Flag.Int("batch-size").pipe(
    Flag.withDescription("Most records of one commit"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))),
    Flag.withDefault(500)
  )
}
