/**
 * The configuration file: `tidemark.yaml`, or `.yml`, or `.json`.
 *
 * It says where records come from, which objects, and where they go; every part
 * may be missing, because flags can give it. What a provider needs is its own
 * schema, put under `source`. All problems are told at once, each by its path.
 *
 * **Guarantees**
 *
 * - no problem shows a text that could be a secret that went astray: values are
 *   shown of known settings only, and keys only where they look like a setting's name;
 * - a file that holds a secret and is open to others is not used.
 *
 * @since 0.1.0
 */
import * as Sync from "@tidemark/core/engine/Sync"
import * as Detection from "@tidemark/core/model/Detection"
import * as Name from "@tidemark/core/model/Name"
import * as Wrong from "@tidemark/core/model/Problem"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as ConfigurationFile from "./ConfigurationFile.ts"
import * as ConfigurationSecret from "./ConfigurationSecret.ts"
import * as ConfigurationText from "./ConfigurationText.ts"
import * as Detections from "./Detections.ts"
import * as Problem from "./Problem.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// spans of time
// -----------------------------------------------------------------------------

const form = /^(\d{1,12})(ms|s|m|h|d)$/
const millis = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `30s`, `5m`, `2h`, `7d`, at most `Detection.spanMax`; `undefined` for anything else. @category conversions @since 0.1.0 */
export const spanOf = (text: string): Duration.Duration | undefined => {
  const [, amount, unit] = form.exec(text) ?? []
  if (amount === undefined) return undefined
  const span = Duration.millis(Number(amount) * millis[unit as "s"])
  return Duration.isGreaterThan(span, Detection.spanMax) ? undefined : span
}

const spanForm = "a duration such as 500ms, 30s, 5m, 2h or 7d"

/** @category schemas @since 0.1.0 */
export const Span = Schema.String.check(
  Schema.isPattern(form, { expected: spanForm }),
  Schema.makeFilter((text) => (spanOf(text) === undefined ? "no span" : undefined), {
    expected: "a duration of at most 3660 days"
  })
).pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transform({
      decode: (text) => spanOf(text) ?? Duration.zero,
      encode: (span) => `${Duration.toMillis(span)}ms`
    })
  )
)

// -----------------------------------------------------------------------------
// the file
// -----------------------------------------------------------------------------

/** The most records of one commit. @category constants @since 0.1.0 */
export const batchSizeMax = 10_000

/** The most objects of one configuration. @category constants @since 0.1.0 */
export const objectsMax = 1_000

/** @category schemas @since 0.1.0 */
export const BatchSize = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: batchSizeMax }, { expected: `a whole number from 1 to ${batchSizeMax}` })
)

const pace = {
  settle: Schema.optionalKey(
    Span.annotate({
      description: "How late a row may become visible: how far the cursor stays behind the present. 5m when not given."
    })
  ),
  fullEvery: Schema.optionalKey(
    Span.annotate({
      description: "How often everything is read again, because formulas move no stamp. Never, when not given."
    })
  ),
  lease: Schema.optionalKey(
    Span.annotate({ description: "How long the lane of a run that died stays taken. 30s when not given." })
  ),
  batchSize: Schema.optionalKey(
    BatchSize.annotate({ description: `Most records of one commit. ${Sync.standard.batchSize} when not given.` })
  )
}

/** What may be said of one object; what is not said is as for all. @category schemas @since 0.1.0 */
export const ObjectSettings = Schema.Struct(pace)
/** @category models @since 0.1.0 */
export type ObjectSettings = typeof ObjectSettings.Type

const bounded = {
  expected: `at most ${objectsMax} objects, each named once`
}

/** Names, or settings by name. @category schemas @since 0.1.0 */
export const Objects = Schema.Union([
  Schema.Array(Name.Name).check(
    Schema.makeFilter(
      (names) => (names.length <= objectsMax && new Set(names).size === names.length ? undefined : "too many"),
      bounded
    )
  ),
  Schema.Record(Name.Name, Schema.NullOr(ObjectSettings)).check(
    Schema.makeFilter((all) => (Object.keys(all).length <= objectsMax ? undefined : "too many"), bounded)
  )
]).annotate({
  expected: "a list of names of objects, or an object with settings by name",
  description: "API names of the objects: a list, or an object of names with settings of their own."
})

/** @category schemas @since 0.1.0 */
export const Database = Schema.Union([
  Schema.Struct({
    url: ConfigurationSecret.Secret.annotate({
      description:
        "PostgreSQL to write to, such as postgres://user@host/database. With a password in it, it is a secret."
    })
  }),
  Schema.Struct({
    dataDir: Schema.NonEmptyString.annotate({
      description: "Where an embedded PostgreSQL keeps its data, absolute or from where the configuration is."
    })
  })
]).annotate({ expected: "an object with url, or with dataDir" })
/** @category models @since 0.1.0 */
export type Database = typeof Database.Type

/** The file, with what a provider needs under `source`. @category schemas @since 0.1.0 */
export const schema = <S, E>(source: Schema.Codec<S, E>) =>
  Schema.Struct({
    $schema: Schema.optionalKey(Schema.String.annotate({ description: "For editors; not read." })),
    source: Schema.optionalKey(source),
    objects: Schema.optionalKey(Objects),
    detections: Schema.optionalKey(Detections.Section),
    ...pace,
    database: Schema.optionalKey(Database)
  })

/** @category models @since 0.1.0 */
export type Configuration<S> = ReturnType<typeof schema<S, unknown>>["Type"]

/** @category models @since 0.1.0 */
export interface Loaded<S> {
  readonly configuration: Configuration<S>
  /** Where it came from; relative paths in it begin there. */
  readonly place: ConfigurationSecret.Place
}

// -----------------------------------------------------------------------------
// loading
// -----------------------------------------------------------------------------

/** Looked for in the working directory, when no file is named. @category constants @since 0.1.0 */
export const names: ReadonlyArray<string> = ["tidemark.yaml", "tidemark.yml", "tidemark.json"]

type Load<A> = Effect.Effect<A, Problem.Problem, FileSystem.FileSystem | Path.Path>

/** The file that is named, or the one that is there; `undefined` when there is none. @category loading @since 0.1.0 */
export const load = Effect.fnUntraced(function* <S, E>(
  source: Schema.Codec<S, E>,
  options: { readonly file: string | undefined }
): Effect.fn.Return<Loaded<S> | undefined, Problem.Problem, FileSystem.FileSystem | Path.Path> {
  const { dirname, resolve } = yield* Path.Path
  const name = options.file ?? (yield* found)
  if (name === undefined) return undefined
  const file = resolve(name)
  const { mode, text } = yield* Effect.mapError(
    ConfigurationFile.read(file, ConfigurationText.sizeMax),
    ({ message }) => Problem.mendable(`The configuration ${Text.safe(file)} ${message}.`)
  )
  if (ConfigurationFile.isOpenToAll(mode)) {
    return yield* Problem.mendable(
      `Anybody may write to ${Text.safe(file)} (mode ${ConfigurationFile.formatMode(mode)}), and so say where tokens are sent. ` +
        `Run \`${ConfigurationFile.chmod("o-w", file)}\`.`
    )
  }
  const place = { directory: dirname(file), file, mode }
  const configuration = yield* Effect.mapError(
    Effect.fromResult(Result.flatMap(ConfigurationText.parse(text), (value) => decode(source, value))),
    (problems) => refused(file, problems)
  )
  return { configuration, place }
})

/** The problems of a file, a line each. @category errors @since 0.1.0 */
export const refused = (file: string, problems: ReadonlyArray<Wrong.Problem>): Problem.Problem => {
  const lines = Wrong.format(problems.map(({ message, path }) => ({ path, message: Text.safe(message) }))).split("\n")
  return Problem.mendable(
    [`${Text.safe(file)} cannot be used:`, ...lines.map((line) => `  ${Text.safe(line)}`)].join("\n")
  )
}

/** Reads a plain JSON value. @category codecs @since 0.1.0 */
export const decode = <S, E>(
  source: Schema.Codec<S, E>,
  input: unknown
): Result.Result<Configuration<S>, ReadonlyArray<Wrong.Problem>> => {
  const shown = masked(input, [])
  return Result.mapError(
    Schema.decodeUnknownResult(schema(source), { errors: "all", onExcessProperty: "error" })(input),
    ({ issue }) => Wrong.fromIssue(issue, shown).map(({ message, path }) => ({ path: maskedPath(path), message }))
  )
}

// -----------------------------------------------------------------------------
// internal: the file
// -----------------------------------------------------------------------------

const found: Load<string | undefined> = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const there = yield* Effect.filter(names, (name) => Effect.orElseSucceed(files.exists(name), () => true))
  if (there.length < 2) return there[0]
  return yield* Problem.mendable(`${there.join(" and ")} are both here. Remove all but one, or name one with --config.`)
})

// -----------------------------------------------------------------------------
// internal: what may be shown
// -----------------------------------------------------------------------------

const hidden = "(not shown)"

/** Settings whose values may be shown, wherever they stand: none of them is a secret. */
const open: ReadonlySet<string | number> = new Set(
  "settle lease batchSize provider apiVersion type share calls".split(" ")
)

// A value that lost its quotes or its line may have a secret in it, whatever its key.
const isPlain = (text: string): boolean => /^[\w.-]{1,24}$/.test(text)

/** The value as problems may show it. References make no tree, and no tree is deeper than what was parsed. */
const masked = (value: unknown, path: Wrong.Path): unknown => {
  if (Array.isArray(value)) return value.map((one, index) => masked(one, [...path, index]))
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one, [...path, key])]))
  }
  const isOpen = path[0] === "objects" || open.has(path.at(-1) ?? "")
  return value === null || typeof value === "boolean" || (isOpen && isPlain(String(value))) ? value : hidden
}

const maskedPath = (path: Wrong.Path): Wrong.Path =>
  path.map((key, index) => {
    const isObject = path[0] === "objects" && index === 1 && Name.isName(String(key))
    return typeof key === "number" || isObject || isPlain(key) ? key : hidden
  })
