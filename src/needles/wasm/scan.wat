;; The inner loop of the search: probes text for 4-grams of needles (grams.ts, scanner.ts).
;; Compiled by `node scripts/wasm.ts` into binary.ts; a test compiles it again and compares.
;;
;; Memory: the filter at 0, then the slots of the exact grams, then the text.

(module
  (import "scanner" "memory" (memory 1))

  ;; 1 when a needle has the gram at this place: open addressing, slots of 8 bytes (gram, value),
  ;; a value of 0 ends the search.
  (func $has
    (param $at i32) (param $slots i32) (param $slotShift i32) (param $slotMask i32)
    (result i32)
    (local $gram i32) (local $slot i32)
    (local.set $gram (i32.load (local.get $at)))
    (local.set $slot
      (i32.shr_u (i32.mul (local.get $gram) (i32.const 0x9e3779b1)) (local.get $slotShift)))
    (loop $next (result i32)
      (local.set $at (i32.add (local.get $slots) (i32.shl (local.get $slot) (i32.const 3))))
      (if (i32.eqz (i32.load offset=4 (local.get $at))) (then (return (i32.const 0))))
      (if (i32.eq (i32.load (local.get $at)) (local.get $gram)) (then (return (i32.const 1))))
      (local.set $slot
        (i32.and (i32.add (local.get $slot) (i32.const 1)) (local.get $slotMask)))
      (br $next)))

  ;; The first probe from $at on, before $end, that falls on a gram of a needle; when there is
  ;; none, the first one that is not before $end.
  (func (export "next")
    (param $at i32) (param $end i32) (param $stride i32) (param $filterShift i32)
    (param $slots i32) (param $slotShift i32) (param $slotMask i32)
    (result i32)
    (local $gram i32) (local $stride2 i32) (local $stride3 i32) (local $last i32) (local $left i32)
    (local.set $stride2 (i32.shl (local.get $stride) (i32.const 1)))
    (local.set $stride3 (i32.add (local.get $stride) (local.get $stride2)))
    ;; from here on, fewer than three probes are left
    (local.set $last (i32.sub (local.get $end) (local.get $stride2)))
    (block $few
      (loop $outer
        (block $maybe
          (loop $three
            (br_if $few (i32.ge_s (local.get $at) (local.get $last)))
            ;; filter: the bit with the number 8 * hash + (gram mod 32), which is that of a word
            ;; loaded from the byte address `hash`
            (br_if $maybe
              (i32.and
                (i32.or
                  (i32.or
                    (i32.shr_u
                      (i32.load
                        (i32.shr_u
                          (i32.mul
                            (local.tee $gram (i32.load (local.get $at)))
                            (i32.const 0x9e3779b1))
                          (local.get $filterShift)))
                      (local.get $gram))
                    (i32.shr_u
                      (i32.load
                        (i32.shr_u
                          (i32.mul
                            (local.tee $gram
                              (i32.load (i32.add (local.get $at) (local.get $stride))))
                            (i32.const 0x9e3779b1))
                          (local.get $filterShift)))
                      (local.get $gram)))
                  (i32.shr_u
                    (i32.load
                      (i32.shr_u
                        (i32.mul
                          (local.tee $gram
                            (i32.load (i32.add (local.get $at) (local.get $stride2))))
                          (i32.const 0x9e3779b1))
                        (local.get $filterShift)))
                    (local.get $gram)))
                (i32.const 1)))
            (local.set $at (i32.add (local.get $at) (local.get $stride3)))
            (br $three)))
        ;; one of the three, or none: the filter lets some through
        (local.set $left (i32.const 3))
        (loop $each
          (if (call $has
                (local.get $at) (local.get $slots) (local.get $slotShift) (local.get $slotMask))
            (then (return (local.get $at))))
          (local.set $at (i32.add (local.get $at) (local.get $stride)))
          (br_if $each (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (br $outer)))
    (loop $rest
      (if (i32.lt_s (local.get $at) (local.get $end))
        (then
          (if (call $has
                (local.get $at) (local.get $slots) (local.get $slotShift) (local.get $slotMask))
            (then (return (local.get $at))))
          (local.set $at (i32.add (local.get $at) (local.get $stride)))
          (br $rest))))
    (local.get $at)))
