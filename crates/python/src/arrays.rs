//! Arrays of times, read where they lie.
//!
//! The stable interface of Python 3.9 has no buffers, so an array is found by its `__array_interface__`: an address, a type
//! and a length, which stay as they are for as long as the array is held. Whoever changes its values while a call runs
//! gets figures of some mixture of both; the call checks each value before it uses it.

use std::fmt;

use batchsim::arrivals::BLOCK;
use batchsim::arrivals::memory::Held;
use batchsim::arrivals::stop::Stop;
use batchsim::error::InputError;
use batchsim::units::Time;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Times beyond this many seconds from the first are beyond the clock's 292 years.
const MOST_S: f64 = 9.2e9;
/// 2^51: added to twice this, a number below it is rounded to a whole one.
const EXACT: f64 = (1_u64 << 51) as f64;
/// The bits of a double's fraction.
const MANTISSA: u64 = (1 << 52) - 1;

/// Times that Python holds, in ascending order; the first of them is time 0.
pub struct Array {
    /// Keeps the values where they are.
    _owner: Py<PyAny>,
    values: Values,
    stop: Stop,
}

#[derive(Clone, Copy)]
enum Values {
    /// Seconds.
    Seconds(*const f64, usize),
    /// Nanoseconds.
    Nanos(*const i64, usize),
}

// SAFETY: the values are only read, and `_owner` keeps them where they are. They are no object of the interpreter's.
unsafe impl Send for Array {}
// SAFETY: as above.
unsafe impl Sync for Array {}

impl Array {
    /// An array of f64 (seconds) or i64 (nanoseconds) with one axis and no gaps.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn new(array: &Bound<'_, PyAny>, stop: Stop) -> PyResult<Array> {
        let interface = array.getattr("__array_interface__");
        let interface: Bound<'_, PyDict> =
            interface.and_then(|found| Ok(found.cast_into::<PyDict>()?)).map_err(|_| {
                PyTypeError::new_err("arrivals must be an array of f64 seconds or i64 nanoseconds")
            })?;
        let field = |name: &str| {
            interface
                .get_item(name)?
                .ok_or_else(|| PyTypeError::new_err(format!("an array without `{name}`")))
        };
        let shape: Vec<usize> = field("shape")?.extract()?;
        let strides = interface.get_item("strides")?.filter(|strides| !strides.is_none());
        let strides: Option<Vec<isize>> = strides.map(|strides| strides.extract()).transpose()?;
        let (address, _): (usize, bool) = field("data")?.extract()?;
        let kind: String = field("typestr")?.extract()?;
        let ([length], None | Some([8])) = (&shape[..], strides.as_deref()) else {
            let message = "arrivals must have one axis, without gaps: see numpy.ascontiguousarray";
            return Err(PyValueError::new_err(message));
        };
        if *length > 0 && (address == 0 || !address.is_multiple_of(8)) {
            return Err(PyValueError::new_err("arrivals must lie at a multiple of 8 bytes: copy the array"));
        }
        let values = match &kind[..] {
            "<f8" => Values::Seconds(address as *const f64, *length),
            "<i8" => Values::Nanos(address as *const i64, *length),
            other => {
                let message = format!("arrivals are f64 seconds or i64 nanoseconds, not `{other}`");
                return Err(PyTypeError::new_err(message));
            }
        };
        Ok(Array { _owner: array.clone().unbind(), values, stop })
    }

    /// All of them \[ns\], as they are.
    ///
    /// # Errors
    /// One is no time.
    pub fn nanos(&self) -> Result<Vec<i64>, InputError> {
        match self.values {
            Values::Nanos(..) => Ok(self.as_nanos().to_vec()),
            Values::Seconds(..) => {
                let nanos = |(i, value): (usize, &f64)| match value.abs() <= MOST_S {
                    true => Ok((value * 1e9).round_ties_even() as i64),
                    false => Err(no_time(i, value)),
                };
                self.as_seconds().iter().enumerate().map(nanos).collect()
            }
        }
    }

    fn as_seconds(&self) -> &[f64] {
        match self.values {
            // SAFETY: `new` has checked type, length and alignment, and the owner is held.
            Values::Seconds(start, length) if length > 0 => unsafe {
                std::slice::from_raw_parts(start, length)
            },
            _ => &[],
        }
    }

    fn as_nanos(&self) -> &[i64] {
        match self.values {
            // SAFETY: as in `as_seconds`.
            Values::Nanos(start, length) if length > 0 => unsafe {
                std::slice::from_raw_parts(start, length)
            },
            _ => &[],
        }
    }
}

impl Held for Array {
    fn count(&self) -> usize {
        match self.values {
            Values::Seconds(_, length) | Values::Nanos(_, length) => length,
        }
    }

    fn copy(&self, from: usize, block: &mut Vec<Time>) -> Result<(), InputError> {
        self.stop.check()?;
        let end = (from + BLOCK).min(self.count());
        // With the last one before them: they must ascend from there.
        let checked = from.saturating_sub(1)..end;
        match self.values {
            Values::Seconds(..) => {
                let all = self.as_seconds();
                let Some(zero) = all.first() else { return Ok(()) };
                // No branch, so that several are compared at once; what is no number is never in order.
                let ascend = all[checked.clone()].windows(2).fold(true, |so_far, w| so_far & (w[0] <= w[1]));
                let last = all[end - 1] - zero;
                if !ascend || !zero.is_finite() || !(0.0..=MOST_S).contains(&last) {
                    return Err(self.fault(checked));
                }
                let past = all[from..end].iter().map(|value| (value - zero) * 1e9);
                match last * 1e9 < EXACT {
                    // The sum's last 52 bits are the nearest whole number.
                    true => block.extend(past.map(|nanos| Time((nanos + 2.0 * EXACT).to_bits() & MANTISSA))),
                    false => block.extend(past.map(|nanos| Time(nanos.round_ties_even() as u64))),
                }
            }
            Values::Nanos(..) => {
                let all = self.as_nanos();
                let Some(zero) = all.first() else { return Ok(()) };
                let ascend = all[checked.clone()].windows(2).fold(true, |so_far, w| so_far & (w[0] <= w[1]));
                if !ascend || all[end - 1].checked_sub(*zero).is_none() {
                    return Err(self.fault(checked));
                }
                block.extend(all[from..end].iter().map(|value| Time((value - zero) as u64)));
            }
        }
        Ok(())
    }
}

impl Array {
    /// What is wrong with the values from one place to another.
    fn fault(&self, places: std::ops::Range<usize>) -> InputError {
        let (from, end) = (places.start, places.end);
        let is_no_time = |value: &f64| !(-MOST_S..=MOST_S).contains(value);
        if let Some(i) = (from..end).find(|i| self.as_seconds().get(*i).is_some_and(is_no_time)) {
            return no_time(i, &self.as_seconds()[i]);
        }
        let place = (from + 1..end).find(|i| match self.values {
            Values::Seconds(..) => self.as_seconds()[*i] < self.as_seconds()[*i - 1],
            Values::Nanos(..) => self.as_nanos()[*i] < self.as_nanos()[*i - 1],
        });
        let place = place.unwrap_or(from);
        InputError::new(
            "arrivals",
            format!("[{place}] is before the one before it, or beyond the clock's 292 years"),
        )
        .help("sort them: numpy.sort(arrivals)")
    }
}

fn no_time(place: usize, value: &f64) -> InputError {
    InputError::new("arrivals", format!("[{place}] is {value}, which is no time in seconds"))
        .help("leave out what is not finite; nanoseconds are given as int64")
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({} times)", self.count())
    }
}
