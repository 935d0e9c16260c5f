/** Where in the input it is, and the bits that were read and not used: first ones lowest. */
export class Input {
  /** The next byte. Behind the end, 32 bytes can be read that are nobody's. */
  static next: usize = 0;
  static end: usize = 0;
  static bits: u64 = 0;
  static count: u64 = 0;

  /** Has at least 56 bits after it. */
  static refill(): void {
    Input.bits |= load<u64>(Input.next) << Input.count;
    Input.next += <usize>((63 - Input.count) >> 3);
    Input.count |= 56;
  }

  /** Uses bits that are there. */
  static take(length: u32): u32 {
    const value = (<u32>Input.bits) & ((1 << length) - 1);
    Input.bits >>= <u64>length;
    Input.count -= <u64>length;
    return value;
  }

  /** Gives back whole bytes that were read and not used. */
  static giveBack(): void {
    Input.next -= <usize>(Input.count >> 3);
    Input.count &= 7;
    Input.bits &= ((<u64>1) << Input.count) - 1;
  }

  /** Goes on at the next whole byte. */
  static align(): void {
    Input.giveBack();
    Input.count = 0;
    Input.bits = 0;
  }

  /** More was used than there is: it was read on behind the end. */
  static isOverdrawn(): bool {
    return Input.next - <usize>(Input.count >> 3) > Input.end;
  }
}
