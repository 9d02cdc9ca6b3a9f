/** A device's number as mknod(1) takes it. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** Splits a device's number as glibc does (gnu_dev_major, gnu_dev_minor). */
export function splitDevice(device: bigint): DeviceNumber {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}

/** The number that mknod(2) takes: the inverse of splitDevice. */
export function joinDevice({ major, minor }: DeviceNumber): bigint {
  const high = BigInt(major);
  const low = BigInt(minor);
  return ((high & 0xfffn) << 8n) | ((high & 0xfffff000n) << 32n) | (low & 0xffn) | ((low & 0xffffff00n) << 12n);
}
