/** Types of Kafka's options, with the values of `configType` in DescribeConfigs. */
export const KAFKA_TYPE = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const;
export type KafkaType = keyof typeof KAFKA_TYPE;

/** What values an option takes, beyond its type. */
export type Valid =
  | Readonly<{ kind: "any" }>
  | Readonly<{ kind: "range"; min: number; max: number | undefined; or?: number }>
  | Readonly<{ kind: "one-of"; values: readonly string[] }>
  | Readonly<{ kind: "replicas" }>;

export type KafkaOption = Readonly<{
  name: string;
  type: KafkaType;
  /** As Kafka writes it; a list is joined by commas. */
  default: string;
  valid: Valid;
}>;

/** `value` as DescribeConfigs shows it, or why it is refused, in Kafka's words. */
export type Judged = Readonly<{ value: string }> | Readonly<{ problem: string }>;

const INTEGER_LIMITS = { int: [-(2n ** 31n), 2n ** 31n - 1n], long: [-(2n ** 63n), 2n ** 63n - 1n] } as const;
const DOUBLE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Reads one value as Kafka does: blanks around it do not count, a number may carry a sign, `TRUE` is true. */
export function judgeValue(option: KafkaOption, text: string): Judged {
  const value = text.trim();
  switch (option.type) {
    case "boolean":
      if (/^(?:true|false)$/i.test(value)) return { value: value.toLowerCase() };
      return refuse(option, value, "Expected value to be either true or false");
    case "int":
    case "long":
      return judgeInteger(option, option.type, value);
    case "double":
      return DOUBLE.test(value) ? judgeDouble(option, Number(value)) : refuse(option, value, "Not a number of type DOUBLE");
    case "string":
      return judgeWords(option, [value]);
    case "list":
      return judgeWords(option, value === "" ? [] : value.split(/\s*,\s*/));
    default:
      return option.type;
  }
}

function judgeInteger(option: KafkaOption, type: "int" | "long", value: string): Judged {
  const [min, max] = INTEGER_LIMITS[type];
  const number = /^[+-]?\d{1,19}$/.test(value) ? BigInt(value.replace(/^\+/, "")) : undefined;
  if (number === undefined || number < min || number > max) return refuse(option, value, `Not a number of type ${type.toUpperCase()}`);
  return judgeRange(option, String(number), Number(number));
}

function judgeDouble(option: KafkaOption, number: number): Judged {
  return judgeRange(option, Number.isInteger(number) ? `${number}.0` : String(number), number);
}

function judgeRange(option: KafkaOption, shown: string, number: number): Judged {
  const { valid } = option;
  if (valid.kind !== "range" || number === valid.or) return { value: shown };
  const { min, max, or } = valid;
  const isBelow = number < min;
  const isAbove = max !== undefined && number > max;
  if (!isBelow && !isAbove) return { value: shown };
  if (or !== undefined) return refuse(option, shown, `Value must be between ${min} and ${max} or equal to ${or}`);
  return refuse(option, shown, isBelow ? `Value must be at least ${min}` : `Value must be no more than ${max}`);
}

function judgeWords(option: KafkaOption, words: readonly string[]): Judged {
  const { valid } = option;
  if (valid.kind === "one-of") {
    const bad = words.find((word) => !valid.values.includes(word));
    if (bad !== undefined) return refuse(option, bad, `String must be one of: ${valid.values.join(", ")}`);
  }
  if (valid.kind === "replicas" && !isReplicaList(words)) {
    const format = "[partitionId]:[brokerId],[partitionId]:[brokerId],...";
    const must = `${option.name} must be the literal '*' or a list of replicas in the following format: ${format}`;
    return refuse(option, `[${words.join(", ")}]`, must);
  }
  return { value: words.join(",") };
}

function isReplicaList(words: readonly string[]): boolean {
  return words.join(",") === "*" || words.every((word) => /^\d+:\d+$/.test(word));
}

function refuse(option: KafkaOption, value: string, why: string): Judged {
  return { problem: `Invalid value ${value} for configuration ${option.name}: ${why}` };
}

/** What is allowed, for the reference and for people. */
export function describeValid({ type, valid }: KafkaOption): string {
  switch (valid.kind) {
    case "any":
      return type === "boolean" ? "true, false" : `any ${type}`;
    case "one-of":
      return valid.values.join(", ");
    case "replicas":
      return "`*`, or partition:broker,…";
    case "range": {
      const range = valid.max === undefined ? `≥ ${valid.min}` : `${valid.min} … ${valid.max}`;
      return valid.or === undefined ? range : `${valid.or}, ${range}`;
    }
    default:
      return valid;
  }
}
