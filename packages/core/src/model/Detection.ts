/**
 * What to keep in step, as a value: which records of which object, how their
 * fields are called here, and what happens at the edges.
 *
 * A detection is written in code with `poll`, or read from plain JSON, which is
 * what a JSON or a YAML file holds. All that is wrong with a file is said at once,
 * by path.
 *
 * **Laws**
 *
 * - `decode(encode(d))` equals `d`;
 * - every problem's path leads into the file, or to a key that is missing there;
 * - what is accepted names objects and fields by the pattern of `Name` only.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Calendar from "./Calendar.ts"
import * as Filter from "./Filter.ts"
import * as Name from "./Name.ts"
import * as Problem from "./Problem.ts"

// -----------------------------------------------------------------------------
// mapping
// -----------------------------------------------------------------------------

/** Value of a constant or a default. @category schemas @since 0.1.0 */
export const Constant = Schema.Union([
  Schema.String.check(
    Schema.makeFilter((text) => (text.length <= Filter.textMax && isStorable(text) ? undefined : "not allowed"), {
      expected: `a text of at most ${Filter.textMax} characters without NUL or half surrogate pairs`
    })
  ),
  Filter.Exact,
  Schema.Boolean,
  Schema.Null
]).annotate({ expected: "a text, a number, a boolean, or null" })
/** @category models @since 0.1.0 */
export type Constant = typeof Constant.Type

/**
 * What is done to a value on its way here. Null stays null.
 *
 * - `trim`, `lowercase`, `uppercase`: of texts, by Unicode and no language.
 * - `toNumber`: of a number, or of a text that writes one which a double holds
 *   without loss; no whole number beyond 2^53.
 * - `toDecimalText`: of a number, or of a text that writes one; every digit stays.
 * - `toInstant`: `2026-05-01T07:25:37.000Z`, of a text with any offset.
 * - `toDate`: of a text that is a day.
 * - `splitList`: the parts of a text between semicolons, without empty ones.
 * - `emptyToNull`: null, of the empty text; anything else stays.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Transform = Schema.Literals([
  "trim",
  "lowercase",
  "uppercase",
  "toNumber",
  "toDecimalText",
  "toInstant",
  "toDate",
  "splitList",
  "emptyToNull"
])
/** @category models @since 0.1.0 */
export type Transform = typeof Transform.Type

/** The most transforms of one field. @category constants @since 0.1.0 */
export const transformsMax = 8

/** The most fields of one mapping. @category constants @since 0.1.0 */
export const fieldsMax = 1_000

const withDefault = <S extends Schema.Constraint>(schema: S, value: S["Type"]) =>
  Schema.withDecodingDefaultTypeKey<S>(Effect.succeed(value))(schema)

const FromPath = Schema.Struct({
  path: Name.Path,
  /** Applied from the first to the last. */
  transforms: withDefault(
    Schema.Array(Transform).check(
      Schema.makeFilter((all) => (all.length <= transformsMax ? undefined : "too many"), {
        expected: `a list of at most ${transformsMax} transforms`
      })
    ),
    []
  ),
  /** A record without a value for a `Required` field is refused. */
  presence: withDefault(Schema.Literals(["Required", "Optional"]), "Optional"),
  /** For a field that is absent. Null is a value that upstream set, and stays. */
  default: Schema.optionalKey(Constant)
})

const FromConstant = Schema.Struct({ constant: Constant })

/** Where the value of one field comes from. @category schemas @since 0.1.0 */
export const Rule = Schema.Union([FromPath, FromConstant]).annotate({
  expected: "an object with a path, or with a constant"
})
/** @category models @since 0.1.0 */
export type Rule = typeof Rule.Type

/** By the name of the field here. @category schemas @since 0.1.0 */
export const Mapping = Schema.Record(Name.Name, Rule).check(
  Schema.makeFilter(
    (mapping) => {
      const names = Object.keys(mapping)
      const isRight = names.length >= 1 && names.length <= fieldsMax
      return isRight && new Set(names.map((name) => name.toLowerCase())).size === names.length
        ? undefined
        : "no mapping"
    },
    { expected: `a mapping of 1 to ${fieldsMax} fields whose names differ by more than case` }
  )
)
/** @category models @since 0.1.0 */
export type Mapping = typeof Mapping.Type

// -----------------------------------------------------------------------------
// window
// -----------------------------------------------------------------------------

/** The longest span a detection may name: about ten years. @category constants @since 0.1.0 */
export const spanMax = Duration.days(3_660)

const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
  ["milli", 1]
] as const

const spanOf = (text: string): Duration.Duration | undefined => {
  const parts = /^(0|[1-9]\d{0,12}) (day|hour|minute|second|milli)s?$/.exec(text)
  const unit = units.find(([name]) => name === parts?.[2])
  const millis = unit === undefined ? Number.NaN : Number(parts?.[1]) * unit[1]
  return millis <= Duration.toMillis(spanMax) ? Duration.millis(millis) : undefined
}

const formatSpan = (span: Duration.Duration): string => {
  const millis = Duration.toMillis(span)
  const [name, size] = units.find(([, size]) => millis !== 0 && millis % size === 0) ?? units[3]
  return `${millis / size} ${name}${millis === size ? "" : "s"}`
}

/** Whole milliseconds, as text: `5 minutes`. @category schemas @since 0.1.0 */
export const Span = Schema.String.check(
  Schema.makeFilter((text) => (spanOf(text) === undefined ? "no span" : undefined), {
    expected: "a span of at most 3660 days, such as 5 minutes: days, hours, minutes, seconds, or millis"
  })
).pipe(
  Schema.decodeTo(
    Schema.Duration.check(
      Schema.makeFilter((span) => (spanOf(formatSpan(span)) === undefined ? "no span" : undefined), {
        expected: "a span of whole milliseconds, at most 3660 days"
      })
    ),
    SchemaTransformation.transform({ decode: (text) => spanOf(text) ?? Duration.zero, encode: formatSpan })
  )
)

const Instant = Schema.String.check(
  Schema.makeFilter((text) => (Calendar.toMillis(text) === undefined ? "no instant" : undefined), {
    expected: "an instant with its offset, such as 2026-05-01T07:25:37Z"
  })
)

/**
 * What the first run reads: all there is, what changed since an instant, or what
 * changed within a span before the run.
 *
 * @category schemas
 * @since 0.1.0
 */
export const First = Schema.Union([
  Schema.Literal("Everything"),
  Schema.Struct({ since: Instant }),
  Schema.Struct({ within: Span })
]).annotate({ expected: "Everything, an object with since, or an object with within" })
/** @category models @since 0.1.0 */
export type First = typeof First.Type

/** @category schemas @since 0.1.0 */
export const Window = Schema.Struct({
  /** How late rows may become visible, in source time. */
  settle: withDefault(Span, Duration.minutes(5)),
  first: withDefault(First, "Everything")
})
/** @category models @since 0.1.0 */
export type Window = typeof Window.Type

// -----------------------------------------------------------------------------
// detection
// -----------------------------------------------------------------------------

/** The highest mapping epoch. @category constants @since 0.1.0 */
export const epochMax = 1_000_000

/** What happens here to a record that no longer matches the filters. @category schemas @since 0.1.0 */
export const Leaves = Schema.Literals(["Delete", "Keep"])
/** @category models @since 0.1.0 */
export type Leaves = typeof Leaves.Type

/**
 * What happens to a record whose cursor field has no value: the run stops, the
 * record is taken without a position, or it is passed over.
 *
 * @category schemas
 * @since 0.1.0
 */
export const MissingCursor = Schema.Literals(["Raise", "Include", "Exclude"])
/** @category models @since 0.1.0 */
export type MissingCursor = typeof MissingCursor.Type

/**
 * What happens to fields that the provider did not have when it was asked: they
 * are kept beside the mapped ones, left out, or the record is quarantined.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UnknownFields = Schema.Literals(["Keep", "Ignore", "Quarantine"])
/** @category models @since 0.1.0 */
export type UnknownFields = typeof UnknownFields.Type

const Epoch = Schema.Int.check(
  Schema.makeFilter((epoch) => (epoch >= 0 && epoch <= epochMax ? undefined : "no epoch"), {
    expected: `a whole number from 0 to ${epochMax}`
  })
)

/** Its JSON form has every key; when it is read, those with a default may be missing. @category schemas @since 0.1.0 */
export const Detection = Schema.Struct({
  version: Schema.Literal(1).annotate({ expected: "1, the one version of this form" }),
  provider: Name.Name,
  object: Name.Name,
  cursor: withDefault(
    Schema.Union([Schema.Literal("auto"), Schema.Struct({ field: Name.Path })]).annotate({
      expected: "auto, or an object with a field"
    }),
    "auto"
  ),
  mapping: Mapping,
  /** All must match. */
  filters: withDefault(Filter.Filters, []),
  window: withDefault(Window, { settle: Duration.minutes(5), first: "Everything" }),
  leaves: withDefault(Leaves, "Keep"),
  missingCursor: withDefault(MissingCursor, "Raise"),
  unknownFields: withDefault(UnknownFields, "Ignore"),
  /** +1 whenever the mapping, the filters or `leaves` change: the next run reads everything again. */
  epoch: withDefault(Epoch, 0)
})

/** @category models @since 0.1.0 */
export type Detection<P extends string = string> = typeof Detection.Type & { readonly provider: P }

/** What a file holds: detections by name. @category schemas @since 0.1.0 */
export const File = Schema.Struct({ detections: Schema.Record(Name.Name, Detection) })
/** @category models @since 0.1.0 */
export type File = typeof File.Type

/** A file before its detections are read. @category schemas @since 0.1.0 */
export const Outline = Schema.Struct({ detections: Schema.Record(Name.Name, Schema.Unknown) })

/**
 * A detection cannot be used. The message has a line per problem, each with its
 * path; nothing was read or written. Remedy: change what the paths name.
 *
 * @category errors
 * @since 0.1.0
 */
export class DetectionError extends Schema.TaggedError<DetectionError>()("DetectionError", {
  message: Schema.String,
  /** At most `Problem.problemsMax` of them. */
  problems: Schema.Array(
    Schema.Struct({
      path: Schema.Array(Schema.Union([Schema.String, Schema.Int])),
      message: Schema.String
    })
  )
}) {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<P extends string> {
  readonly provider: P
  readonly object: string
  /** The best field the object has, unless one is named. */
  readonly cursor?: typeof Detection.Type.cursor
  /** A rule, or the path of a field that is taken as it is. */
  readonly mapping: Readonly<Record<string, Rule | string>>
  readonly filters?: ReadonlyArray<Filter.Filter>
  readonly window?: { readonly settle?: Duration.Input; readonly first?: First }
  /** Defaults to `Keep`. */
  readonly leaves?: Leaves
  /** Defaults to `Raise`. */
  readonly missingCursor?: MissingCursor
  /** Defaults to `Ignore`. */
  readonly unknownFields?: UnknownFields
  /** Defaults to 0. */
  readonly epoch?: number
}

/**
 * A detection that polls. Names and bounds are checked when it is compiled.
 *
 * @category constructors
 * @since 0.1.0
 */
export const poll = <const P extends string>(options: Options<P>): Detection<P> => ({
  version: 1,
  provider: options.provider,
  object: options.object,
  cursor: options.cursor ?? "auto",
  mapping: Object.fromEntries(
    Object.entries(options.mapping).map(([name, rule]) => [name, typeof rule === "string" ? field(rule) : rule])
  ),
  filters: options.filters ?? [],
  window: {
    settle: Duration.fromInputUnsafe(options.window?.settle ?? "5 minutes"),
    first: options.window?.first ?? "Everything"
  },
  leaves: options.leaves ?? "Keep",
  missingCursor: options.missingCursor ?? "Raise",
  unknownFields: options.unknownFields ?? "Ignore",
  epoch: options.epoch ?? 0
})

/** @category constructors @since 0.1.0 */
export const field = (path: string, options: Partial<Omit<typeof FromPath.Type, "path">> = {}): Rule => ({
  path,
  transforms: [],
  presence: "Optional",
  ...options
})

/** @category constructors @since 0.1.0 */
export const constant = (value: Constant): Rule => ({ constant: value })

// -----------------------------------------------------------------------------
// codecs
// -----------------------------------------------------------------------------

/** Reads one detection. @category codecs @since 0.1.0 */
export const decode = (input: unknown): Result.Result<Detection, DetectionError> =>
  Result.mapError(Problem.decode(Detection, input), error)

/** Reads a file of detections. @category codecs @since 0.1.0 */
export const decodeFile = (input: unknown): Result.Result<File, DetectionError> =>
  Result.mapError(Problem.decode(File, input), error)

/** The JSON form, every default spelt out; fails where `validate` does. @category codecs @since 0.1.0 */
export const encode = (detection: Detection): Result.Result<typeof Detection.Encoded, DetectionError> =>
  Result.flatMap(Result.mapError(validate(detection), error), (valid) =>
    Result.mapError(Schema.encodeResult(Detection, { errors: "all" })(valid), ({ issue }) =>
      error(Problem.fromIssue(issue, valid))
    )
  )

/** What is wrong with a detection made in code: its names, its literals, and its bounds. @category guards @since 0.1.0 */
export const validate = (
  detection: Detection,
  base: Problem.Path = []
): Result.Result<Detection, ReadonlyArray<Problem.Problem>> => Problem.decode(Schema.toType(Detection), detection, base)

/** @category errors @since 0.1.0 */
export const error = (problems: ReadonlyArray<Problem.Problem>): DetectionError =>
  new DetectionError({
    message: Problem.format(problems),
    problems: problems.slice(0, Problem.problemsMax)
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\0")
