/**
 * Whether a detection fits the object it names: each problem with its path.
 *
 * @since 0.1.0
 */
import type * as Catalogue from "../model/Catalogue.ts"
import type * as Detection from "../model/Detection.ts"
import type * as Filter from "../model/Filter.ts"
import * as Name from "../model/Name.ts"
import * as Problem from "../model/Problem.ts"
import * as Transforming from "./Transforming.ts"

/** What does not fit, of a detection that is valid in itself. @category guards @since 0.1.0 */
export const problems = (
  detection: Detection.Detection,
  description: Catalogue.Description,
  base: Problem.Path
): ReadonlyArray<Problem.Problem> => {
  const fields = new Map(description.fields.map((field) => [field.name, field]))
  const mapping = Object.entries(detection.mapping).flatMap(([name, rule]) => {
    if ("constant" in rule) return []
    const path = [...base, "mapping", name]
    const field = fields.get(rule.path)
    if (field === undefined) return [missing([...path, "path"], rule.path, description)]
    const misfit = Transforming.misfit(rule.transforms, field.type)
    return misfit === undefined ? [] : [{ path: [...path, "transforms", misfit.index], message: misfit.message }]
  })
  const filters = detection.filters.flatMap((filter, index) =>
    ofFilter(filter, description, fields, [...base, "filters", index])
  )
  const object =
    detection.object === description.name
      ? []
      : [unknown([...base, "object"], detection.object, [description.name], "the object described")]
  return [...object, ...ofCursor(detection, description, base), ...mapping, ...filters]
}

/** The field changes are read by; `undefined` when none can be. @category getters @since 0.1.0 */
export const cursorOf = (
  { cursor }: Detection.Detection,
  { cursors, fields }: Catalogue.Description
): string | undefined =>
  cursors.find(
    (name) =>
      (cursor === "auto" || cursor.field === name) && fields.some((field) => field.name === name && field.filterable)
  )

/**
 * A filter that says how texts are compared wherever that follows from the field:
 * values that may differ by case alone are compared exactly, unless it says
 * otherwise.
 *
 * @category combinators
 * @since 0.1.0
 */
export const resolve = (filter: Filter.Filter, fields: ReadonlyMap<string, Catalogue.Field>): Filter.Filter => {
  switch (filter.operator) {
    case "and":
    case "or":
      return { ...filter, terms: filter.terms.map((term) => resolve(term, fields)) }
    case "not":
      return { ...filter, term: resolve(filter.term, fields) }
    case "eq":
    case "ne":
    case "in":
    case "notIn":
    case "contains":
    case "startsWith": {
      const isExact = filter.case === undefined && fields.get(filter.field)?.caseSensitive === true
      return isExact && literalsOf(filter).some((literal) => kindOf(literal) === "Text")
        ? { ...filter, case: "Exact" }
        : filter
    }
    default:
      return filter
  }
}

/** Of a name that does not exist: what is allowed, and what may have been meant. @category constructors @since 0.1.0 */
export const unknown = (
  path: Problem.Path,
  name: string,
  names: ReadonlyArray<string>,
  what: string
): Problem.Problem => {
  const allowed = names.length <= 12 ? `; allowed: ${names.join(", ")}` : ""
  return { path, message: `${Problem.quote(name)} is not ${what}${allowed}.${Name.hint(name, names)}` }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const missing = (path: Problem.Path, name: string, { fields, name: object }: Catalogue.Description): Problem.Problem =>
  unknown(
    path,
    name,
    fields.map((field) => field.name),
    `a field of ${object}`
  )

const ofCursor = (
  detection: Detection.Detection,
  description: Catalogue.Description,
  base: Problem.Path
): ReadonlyArray<Problem.Problem> => {
  if (cursorOf(detection, description) !== undefined) return []
  const path = [...base, "cursor"]
  const { cursor } = detection
  if (cursor === "auto")
    return [{ path, message: `${description.name} has no field that changes can be read by: it cannot be polled` }]
  const field = description.fields.find(({ name }) => name === cursor.field)
  if (field === undefined) return [missing([...path, "field"], cursor.field, description)]
  const problem = field.filterable
    ? unknown([...path, "field"], cursor.field, description.cursors, "a field that changes can be read by")
    : { path: [...path, "field"], message: `${cursor.field} is not filterable, so changes cannot be read by it` }
  return [problem]
}

const ofFilter = (
  filter: Filter.Filter,
  description: Catalogue.Description,
  fields: ReadonlyMap<string, Catalogue.Field>,
  path: Problem.Path
): ReadonlyArray<Problem.Problem> => {
  switch (filter.operator) {
    case "and":
    case "or":
      return filter.terms.flatMap((term, index) => ofFilter(term, description, fields, [...path, "terms", index]))
    case "not":
      return ofFilter(filter.term, description, fields, [...path, "term"])
    default: {
      const field = fields.get(filter.field)
      return field === undefined
        ? [missing([...path, "field"], filter.field, description)]
        : ofPredicate(filter, field, path)
    }
  }
}

const ofPredicate = (
  predicate: Filter.Predicate,
  field: Catalogue.Field,
  path: Problem.Path
): ReadonlyArray<Problem.Problem> => {
  const literals = literalsOf(predicate)
  const wrong = literals.flatMap((literal, index) =>
    kindOf(literal) === field.type
      ? []
      : [{ path: [...path, ...placeOf(predicate, index)], message: mismatch(kindOf(literal), field) }]
  )
  const isVain = "case" in predicate && literals.length > 0 && !literals.some((literal) => kindOf(literal) === "Text")
  return isVain ? [...wrong, { path: [...path, "case"], message: "has no meaning where no text is compared" }] : wrong
}

const mismatch = (kind: Catalogue.FieldType, { name, type }: Catalogue.Field): string =>
  `is ${words[kind]}, and ${name} holds ${words[type]}${type === "Other" ? ": only isNull can be asked of it" : ""}`

const words: { readonly [T in Catalogue.FieldType]: string } = {
  Text: "a text",
  Number: "a number",
  Boolean: "a boolean",
  Date: 'a day, { "date": "2026-05-01" }',
  Instant: 'an instant, { "instant": "2026-05-01T07:25:37Z" }',
  Other: "values of no one type"
}

const literalsOf = (predicate: Filter.Predicate): ReadonlyArray<Filter.Literal> => {
  switch (predicate.operator) {
    case "isNull":
      return []
    case "contains":
    case "startsWith":
      return [predicate.text]
    case "in":
    case "notIn":
      return predicate.values
    default:
      return predicate.value === null ? [] : [predicate.value]
  }
}

const placeOf = (predicate: Filter.Predicate, index: number): Problem.Path => {
  switch (predicate.operator) {
    case "in":
    case "notIn":
      return ["values", index]
    case "contains":
    case "startsWith":
      return ["text"]
    default:
      return ["value"]
  }
}

const kindOf = (literal: Filter.Literal): Catalogue.FieldType => {
  switch (typeof literal) {
    case "string":
      return "Text"
    case "number":
      return "Number"
    case "boolean":
      return "Boolean"
    default:
      return "decimal" in literal ? "Number" : "date" in literal ? "Date" : "Instant"
  }
}
