/**
 * Fields of objects, with all that a describe says about them (SOAP API guide,
 * "DescribeSObjectResult", Field).
 *
 * @since 0.1.0
 */

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What REST shows of a field: datetimes and days are texts. @category models @since 0.1.0 */
export type Value = string | number | boolean | null

/** Values by the name of the field. @category models @since 0.1.0 */
export type Values = { readonly [field: string]: Value }

/** Salesforce's names of types. @category models @since 0.1.0 */
export type Type =
  | "id"
  | "reference"
  | "string"
  | "textarea"
  | "picklist"
  | "phone"
  | "email"
  | "url"
  | "boolean"
  | "int"
  | "double"
  | "currency"
  | "percent"
  | "date"
  | "datetime"
  | "address"

/** A field as a describe shows it. @category models @since 0.1.0 */
export interface Field {
  readonly name: string
  readonly label: string
  readonly type: Type
  readonly soapType: string
  /** In characters; 0 for what is no text. */
  readonly length: number
  readonly byteLength: number
  /** Digits of a number, those after the point included; 0 for what is none. */
  readonly precision: number
  readonly scale: number
  readonly digits: number
  readonly nillable: boolean
  readonly createable: boolean
  readonly updateable: boolean
  readonly filterable: boolean
  readonly sortable: boolean
  readonly groupable: boolean
  readonly aggregatable: boolean
  readonly calculated: boolean
  readonly custom: boolean
  readonly defaultedOnCreate: boolean
  readonly externalId: boolean
  readonly idLookup: boolean
  readonly unique: boolean
  readonly caseSensitive: boolean
  readonly nameField: boolean
  readonly restrictedPicklist: boolean
  readonly dependentPicklist: boolean
  readonly compoundFieldName: string | null
  readonly referenceTo: ReadonlyArray<string>
  readonly relationshipName: string | null
  readonly picklistValues: ReadonlyArray<PicklistValue>
  readonly [property: string]: unknown
}

/** @category models @since 0.1.0 */
export interface PicklistValue {
  readonly active: boolean
  readonly defaultValue: boolean
  readonly label: string
  readonly validFor: null
  readonly value: string
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

const soapTypes: { readonly [type in Type]: string } = {
  id: "tns:ID",
  reference: "tns:ID",
  string: "xsd:string",
  textarea: "xsd:string",
  picklist: "xsd:string",
  phone: "xsd:string",
  email: "xsd:string",
  url: "xsd:string",
  boolean: "xsd:boolean",
  int: "xsd:int",
  double: "xsd:double",
  currency: "xsd:double",
  percent: "xsd:double",
  date: "xsd:date",
  datetime: "xsd:dateTime",
  address: "urn:address"
}

/** Any text that is not a reference or an address. @category guards @since 0.1.0 */
export const isText = (type: Type): boolean => soapTypes[type] === "xsd:string"

/** A number with a point. @category guards @since 0.1.0 */
export const isDecimal = (type: Type): boolean => soapTypes[type] === "xsd:double"

/**
 * A field that users may read, filter by, sort by and write, and may be empty,
 * except for what `options` says otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string, type: Type, options: Partial<Field> = {}): Field => {
  const length = options.length ?? lengthOf(type)
  return {
    aggregatable: type !== "boolean" && type !== "address",
    aiPredictionField: false,
    autoNumber: false,
    byteLength: length * 3,
    calculated: false,
    calculatedFormula: null,
    cascadeDelete: false,
    caseSensitive: false,
    compoundFieldName: null,
    controllerName: null,
    createable: true,
    custom: false,
    defaultValue: type === "boolean" ? false : null,
    defaultValueFormula: null,
    defaultedOnCreate: type === "boolean",
    dependentPicklist: false,
    deprecatedAndHidden: false,
    digits: type === "int" ? 8 : 0,
    displayLocationInDecimal: false,
    encrypted: false,
    externalId: false,
    extraTypeInfo: null,
    filterable: true,
    filteredLookupInfo: null,
    formulaTreatNullNumberAsZero: false,
    groupable: !isDecimal(type) && type !== "datetime" && type !== "address",
    highScaleNumber: false,
    htmlFormatted: false,
    idLookup: false,
    inlineHelpText: null,
    label: labelOf(name),
    length,
    mask: null,
    maskType: null,
    name,
    nameField: false,
    namePointing: false,
    nillable: type !== "boolean",
    permissionable: true,
    picklistValues: [],
    polymorphicForeignKey: false,
    precision: isDecimal(type) ? 18 : 0,
    queryByDistance: false,
    referenceTargetField: null,
    referenceTo: [],
    relationshipName: null,
    relationshipOrder: null,
    restrictedDelete: false,
    restrictedPicklist: false,
    scale: type === "currency" ? 2 : 0,
    searchPrefilterable: false,
    soapType: soapTypes[type],
    sortable: true,
    type,
    unique: false,
    updateable: true,
    writeRequiresMasterRead: false,
    ...options
  }
}

/** What users read for a name that says it all. @category constructors @since 0.1.0 */
export const labelOf = (name: string): string =>
  name
    .replace(/__c$/, "")
    .replace(/_/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")

/** What a field that users make can be. @category models @since 0.1.0 */
export const customTypes = [
  "string",
  "textarea",
  "picklist",
  "phone",
  "email",
  "url",
  "boolean",
  "int",
  "double",
  "currency",
  "percent",
  "date",
  "datetime",
  "reference"
] as const

/** A field that users made. @category constructors @since 0.1.0 */
export const custom = (spec: {
  readonly name: string
  readonly type: (typeof customTypes)[number]
  readonly label?: string
  readonly length?: number
  readonly precision?: number
  readonly scale?: number
  readonly unique?: boolean
  readonly externalId?: boolean
  readonly calculated?: boolean
  readonly referenceTo?: string
  readonly values?: ReadonlyArray<string>
}): Field => {
  const { name, referenceTo, type, values, ...rest } = spec
  const isWritable = rest.calculated !== true
  const flags = { createable: isWritable, updateable: isWritable, custom: true, idLookup: rest.externalId === true }
  const options = { ...rest, ...flags }
  if (type === "picklist") return picklist(name, values ?? [], options)
  if (type !== "reference") return make(name, type, options)
  return reference(name, referenceTo ?? "Account", { ...options, relationshipName: name.replace(/__c$/, "__r") })
}

/** Only the server writes it, and it is never empty. @category constructors @since 0.1.0 */
export const system = (name: string, type: Type, options: Partial<Field> = {}): Field =>
  make(name, type, {
    createable: false,
    updateable: false,
    nillable: false,
    permissionable: false,
    defaultedOnCreate: true,
    ...options
  })

/** Points at records of another object. @category constructors @since 0.1.0 */
export const reference = (name: string, to: string, options: Partial<Field> = {}): Field =>
  make(name, "reference", { referenceTo: [to], relationshipName: name.replace(/Id$/, ""), ...options })

/** A field with a list of values, the first of which is proposed. @category constructors @since 0.1.0 */
export const picklist = (name: string, values: ReadonlyArray<string>, options: Partial<Field> = {}): Field =>
  make(name, "picklist", {
    picklistValues: values.map((value, index) => ({
      active: true,
      defaultValue: index === 0 && options.nillable === false,
      label: value,
      validFor: null,
      value
    })),
    ...options
  })

/** Long texts can be read only: neither filtered nor sorted by. @category constructors @since 0.1.0 */
export const longText = (name: string): Field =>
  make(name, "textarea", {
    length: 32_000,
    filterable: false,
    sortable: false,
    groupable: false,
    aggregatable: false
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const lengthOf = (type: Type): number => {
  switch (type) {
    case "id":
    case "reference":
      return 18
    case "string":
    case "picklist":
    case "url":
    case "textarea":
      return 255
    case "phone":
      return 40
    case "email":
      return 80
    default:
      return 0
  }
}
