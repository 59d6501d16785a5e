/**
 * The values of a record as the server stores them.
 *
 * @since 0.1.0
 */
import * as Catalog from "./Catalog.ts"
import type * as Field from "./Field.ts"

const blanks = new WeakMap<Catalog.Entity, Field.Values>()

/** A record nobody filled in: nothing anywhere, `false` for what is true or false. @category constructors @since 0.1.0 */
export const empty = (entity: Catalog.Entity): Field.Values => {
  const known = blanks.get(entity)
  if (known !== undefined) return known
  const made = Object.fromEntries(
    Catalog.stored(entity).map(({ name, type }) => [name, type === "boolean" ? false : null])
  )
  blanks.set(entity, made)
  return made
}

/** Those of the values that the object has a field for. @category combinators @since 0.1.0 */
export const held = (entity: Catalog.Entity, values: Field.Values): Field.Values => {
  const names = Catalog.names(entity)
  const kept: { [name: string]: Field.Value } = {}
  for (const [name, value] of Object.entries(values)) if (names.has(name)) kept[name] = value
  return kept
}

/** The values for the fields an object has now: those it lost are left out, those it got are empty. @category combinators @since 0.1.0 */
export const fitted = (entity: Catalog.Entity, values: Field.Values): Field.Values =>
  Object.fromEntries(Object.entries(empty(entity)).map(([name, blank]) => [name, values[name] ?? blank]))

/**
 * The values with those the server computes: the full name of a contact, and
 * what follows from the stage of an opportunity.
 *
 * @category combinators
 * @since 0.1.0
 */
export const derived = (entity: Catalog.Entity, values: Field.Values): Field.Values => {
  if (entity.name === Catalog.contact.name) {
    return { ...values, Name: [values["FirstName"], values["LastName"]].filter((part) => part !== null).join(" ") }
  }
  if (entity.name !== Catalog.opportunity.name) return values
  const stage = String(values["StageName"])
  const probability = Number(values["Probability"] ?? Catalog.stages.get(stage) ?? 0)
  const amount = values["Amount"]
  return {
    ...values,
    Probability: probability,
    ExpectedRevenue: typeof amount === "number" ? Math.round(amount * probability) / 100 : null,
    IsClosed: stage.startsWith("Closed "),
    IsWon: stage === "Closed Won"
  }
}

/**
 * What rows show of a compound address: its parts under their short names;
 * `null` when all are empty (REST API guide, "Compound Fields").
 *
 * @category combinators
 * @since 0.1.0
 */
export const address = (field: Field.Field, values: Field.Values): { readonly [part: string]: unknown } | null => {
  const prefix = field.name.replace(/Address$/, "")
  const part = (name: string) => values[`${prefix}${name}`] ?? null
  const parts = {
    city: part("City"),
    country: part("Country"),
    geocodeAccuracy: null,
    latitude: null,
    longitude: null,
    postalCode: part("PostalCode"),
    state: part("State"),
    street: part("Street")
  }
  return Object.values(parts).every((value) => value === null) ? null : parts
}
