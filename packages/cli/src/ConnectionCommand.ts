/**
 * `connection spec`, `connection check`, `connection discover`: what settings
 * there are, whether they work, and what is at the other end.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Connection from "./Connection.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// spec
// -----------------------------------------------------------------------------

const spec = Command.make(
  "spec",
  {
    of: Flag.Literals("of", ["file", "source"]).pipe(
      Flag.withDescription("The whole configuration file, or what is below source in it"),
      Flag.withDefault("file")
    )
  },
  Effect.fnUntraced(function* ({ of }) {
    const output = yield* Output.make()
    const { spec } = yield* Connection.Connection
    yield* output.line(JSON.stringify(spec[of], null, 2))
  })
).pipe(Command.withDescription("Print the JSON Schema of the configuration, for editors; reaches nobody"))

// -----------------------------------------------------------------------------
// check
// -----------------------------------------------------------------------------

const json = Flag.Boolean("json").pipe(Flag.withDescription("Print JSON lines"), Flag.withDefault(false))

const check = Command.make(
  "check",
  { json },
  Effect.fnUntraced(function* ({ json }) {
    const output = Output.whoever(yield* Output.make())
    const connection = yield* Connection.Connection
    let [failed, all] = [0, 0]
    yield* connection.check((step) => {
      all += 1
      if (step.status === "fail") failed += 1
      return output.line(json ? Text.json(step) : Connection.formatStep(output.paint, step))
    })
    if (failed > 0) return yield* Problem.mendable(`${failed} of ${all} steps failed. Nothing was written.`)
  })
).pipe(Command.withDescription("Try the connection step by step, tell which changes cannot be seen, and write nothing"))

// -----------------------------------------------------------------------------
// discover
// -----------------------------------------------------------------------------

const discover = Command.make(
  "discover",
  {
    object: Flag.String("object").pipe(Flag.withDescription("Show the fields of this object"), Flag.optional),
    search: Flag.String("search").pipe(
      Flag.withDescription("Only what has this in its name or label"),
      Flag.withDefault("")
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withDescription("Most lines to show"),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 }))),
      Flag.withDefault(200)
    ),
    starter: Flag.Boolean("starter").pipe(
      Flag.withDescription("Print a configuration file to begin with, for the objects that would be shown"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function* ({ json, limit, object, search, starter }) {
    const output = yield* Output.make()
    const connection = yield* Connection.Connection
    const name = Option.getOrUndefined(object)
    const has = (one: { readonly name: string; readonly label: string }) =>
      `${one.name}\n${one.label}`.toLowerCase().includes(search.toLowerCase())
    if (name === undefined) {
      const found = (yield* connection.objects).filter(has)
      if (starter) {
        const usable = found.filter((one) => one.isQueryable && one.isReplicable).slice(0, limit)
        return yield* output.line(yield* connection.starter(usable.map((one) => one.name)))
      }
      return yield* show(output, { found, limit, json }, Connection.formatListed)
    }
    const { fields, label, name: exact, table } = yield* connection.object(name)
    if (starter) return yield* output.line(yield* connection.starter([exact]))
    if (!json) yield* output.line(`${Text.safe(exact)}: ${Text.safe(label)}, table ${Text.safe(table)}`)
    yield* show(output, { found: fields.filter(has), limit, json }, Connection.formatField)
  })
).pipe(Command.withDescription("List objects, or the fields of one, with what a sync can do with them"))

/** The first ones, and how many are left. */
const show = Effect.fnUntraced(function* <A>(
  output: Output.Output,
  { found, json, limit }: { readonly found: ReadonlyArray<A>; readonly limit: number; readonly json: boolean },
  format: (paint: Text.Paint, one: A) => string
) {
  for (const one of found.slice(0, limit)) yield* output.line(json ? Text.json(one) : format(output.paint, one))
  const left = found.length - limit
  if (left <= 0 || json) return
  yield* output.line(`and ${Text.count(left)} more; --search narrows them, --limit shows more`)
})

// -----------------------------------------------------------------------------
// the command
// -----------------------------------------------------------------------------

/** @category commands @since 0.1.0 */
export const connection = Command.make("connection").pipe(
  Command.withDescription("The connection: its settings, whether they work, and what is at the other end"),
  Command.withSubcommands([check, discover, spec])
)
