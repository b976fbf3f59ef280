"""Bad input: what each function says of it. A row: functions | a call | the exception's class | what its text holds.

{} in a call is a function's name, in a text the operation that it names (`function=operation` where that is another; of linalg with a
prefix). The names: f (2, 3) float32, i [1, 2, 3] int32, b two bools, z two complex numbers, s 0-d, e empty, k a key, big (2, 3, 4).
"""

import re

import mlx.core as mx
import pytest

GIVEN = {
    "mx": mx, "f": mx.ones((2, 3)), "i": mx.array([1, 2, 3]), "b": mx.array([True, False]), "z": mx.array([1j, 2]), "e": mx.zeros((0,)),
    "s": mx.array(1.0), "k": mx.random.key(0), "big": mx.ones((2, 3, 4))}
# Functions that take nothing, or anything.
NO_BAD_INPUT = """async_eval clear_cache clear_streams default_device disable_compile enable_compile eval get_active_memory get_array_buffer_size
get_cache_memory get_memory_limit get_peak_memory get_printoptions reset_peak_memory set_printoptions""".split()
TABLE = r"""
abs acos acosh arccos arccosh arcsin arcsinh arctan arctanh asarray asin asinh atan atanh atleast_1d atleast_2d atleast_3d conj \
conjugate contiguous cos cosh degrees empty_like exp expm1 imag isfinite isinf isnan isneginf isposinf log log10 log1p log2 logical_not \
nan_to_num ones_like positive radians real reciprocal round rsqrt sigmoid sign sin sinh sqrt square stop_gradient tan tanh unique_all \
unique_counts unique_inverse unique_values zeros_like | mx.{}('a') | TypeError | [{}] An array cannot be made of <class 'str'>
add allclose=subtract arctan2 atan2=arctan2 broadcast_arrays copysign=broadcast_arrays divide divmod=floor_divide equal floor_divide \
greater greater_equal hypot=broadcast_arrays isclose=subtract less less_equal logaddexp logical_and logical_or logical_xor maximum \
minimum multiply nextafter=broadcast_arrays not_equal pow=power power remainder subtract | mx.{}(f, mx.ones(2)) | ValueError | [{}] \
Shapes (2,3) and (2,) cannot be broadcast
addmm | mx.{}(f, f, f) | ValueError | [{}] Last dimension of first input with shape (2,3) must match second to last dimension of
addmm | mx.{}(mx.ones((9,)), f, f.T) | ValueError | [{}] Shapes (9,) and (2,2) cannot be broadcast
all any argmax argmin argsort count_nonzero=sum cummax cummin cumprod cumsum cumulative_prod logcumsumexp logsumexp max mean median min \
prod softmax sort std=var sum var fft.fft=fftn fft.hfft=irfftn fft.ifft=ifftn fft.ihfft=rfftn fft.irfft=irfftn fft.rfft=rfftn \
linalg.vector_norm=sum minmax=min random.permutation | mx.{}(f, axis=2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
all any argmax argmin count_nonzero=sum logsumexp max mean median min prod std=var sum var | mx.{}(f, axis=-3) | IndexError | [{}] Axis \
-3 is out of bounds for array with 2 dimensions
all any logsumexp max mean median min prod std=var sum var | mx.{}(f, axis=(0, -2)) | ValueError | [{}] Duplicate axes detected: axis 0 \
is given twice
arange | mx.{}(0, 1, 0) | ValueError | [{}] step must be nonzero
arange | mx.{}(mx.inf) | ValueError | [{}] Cannot compute length
arange | mx.{}() | TypeError | {}() misses argument 'stop'
arange | mx.{}(0,1,mx.nan) | ValueError | [{}] Cannot compute length: a bound is NaN
arctan2 | mx.{}(z, z) | ValueError | [{}] Not supported for complex64
argmax | mx.{}(e) | ValueError | [{}] Cannot argmax reduce zero size array
argmin | mx.{}(e) | ValueError | [{}] Cannot argmin reduce zero size array
argpartition partition | mx.{}(f, 3) | ValueError | [{}] Received invalid kth 3 along axis -1 for array with shape: (2,3)
argpartition partition | mx.{}(f, 0, axis=5) | IndexError | [{}] Axis 5 is out of bounds for array with 2 dimensions
array_equal | mx.{}(f, 'a') | TypeError | [{}] An array cannot be made of <class 'str'>
as_strided | mx.{}(f, (9,), (1,)) | ValueError | [{}] Shape (9,) with these strides and offset 0 reaches outside the 6 elements of the
as_strided | mx.{}(f, (2,), (1, 1)) | ValueError | [{}] The shape and the strides must have the same number of entries: 1 and 2
as_strided | mx.{}(f,(-1,),(1,)) | ValueError | [{}] A dimension cannot be negative: shape (-1,)
asarray | mx.{}([1], copy=False) | ValueError | [{}] <class 'list'> with this dtype cannot become an array without a copy
astype | mx.{}(f, 'float32') | TypeError | [{}] expected a Dtype, not 'float32'
bartlett eye hanning random.key random.seed | mx.{}('a') | TypeError | [{}] 'str' object cannot be interpreted as an integer
bitwise_and bitwise_left_shift=left_shift bitwise_or bitwise_right_shift=right_shift bitwise_xor left_shift right_shift | mx.{}(i, \
mx.ones(2, dtype=mx.int32)) | ValueError | [{}] Shapes (3,) and (2,) cannot be broadcast
bitwise_and bitwise_or bitwise_xor left_shift right_shift | mx.{}(f, f) | ValueError | [{}] Only allowed on integer or boolean types \
but got types float32 and float32
bitwise_invert | mx.{}(f) | ValueError | [{}] Bitwise inverse only allowed on integer types, not float32
blackman | mx.{}(1.5) | TypeError | [{}] 'float' object cannot be interpreted as an integer
block_masked_mm=matmul gather_mm=matmul matmul linalg.matmul | mx.{}(f, f) | ValueError | [{}] Last dimension of first input with shape \
(2,3) must match second to last dimension of
broadcast_shapes | mx.{}((2,), (3,)) | ValueError | [{}] Shapes ((2,), (3,)) cannot be broadcast
broadcast_to | mx.{}(f, (2,)) | ValueError | [{}] Cannot broadcast array of shape (2,3) into shape (2,)
broadcast_to | mx.{}(f,(-1,3)) | ValueError | [{}] Negative dimensions not allowed
can_cast issubdtype | mx.{}(1, mx.int8) | TypeError | [{}] expected a Dtype, not 1
ceil erf erfinv floor trunc | mx.{}(z) | ValueError | [{}] Not supported for complex64
checkpoint compile grad value_and_grad vmap | mx.{}(1) | TypeError | [{}] expected a callable, not 1
clip=maximum | mx.{}(f, mx.ones(2), None) | ValueError | [{}] Shapes (2,3) and (2,) cannot be broadcast
concat=concatenate | mx.{}([]) | ValueError | [{}] No arrays provided for concatenation
concat=concatenate | mx.{}([f, mx.ones(3)]) | ValueError | [{}] All the input arrays must have the same number of dimensions. However, got
concat=concatenate | mx.{}([f, f], axis=2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
concat | mx.{}(1) | TypeError | [{}] expected a list of arrays, not <class 'int'>
concatenate | mx.{}([f, mx.ones((2, 4))], axis=0) | ValueError | [{}] All the input array dimensions must match exactly except for the \
concatenation
conv1d=conv conv2d=conv conv3d=conv conv_general=conv conv_transpose1d=conv conv_transpose2d=conv conv_transpose3d=conv | mx.{}(f, f) | \
ValueError | [{}] Only works for inputs with 1-3 spatial dimensions. The inputs must be in the format [N,
convolve | mx.{}(f, f) | ValueError | [{}] Inputs must be 1D, not 2D and 2D
convolve | mx.{}(i, i, mode='x') | ValueError | [{}] Invalid mode 'x'. Expected 'full', 'same' or 'valid'
copysign hypot nextafter | mx.{}(z, z) | ValueError | [{}] Only real numbers are possible, not complex64
cumulative_sum | mx.{}(f) | ValueError | [{}] An array with 2 dimensions needs an axis
custom_function= | mx.{}(1) | TypeError | expected a callable, not 1
default_stream device_info is_available new_stream new_thread_local_stream new_thread_unsafe_stream set_default_device | mx.{}('a') | \
TypeError | [{}] expected a Device or a DeviceType, not 'a'
depends kron outer | mx.{}('a', f) | TypeError | [{}] An array cannot be made of <class 'str'>
device_count | mx.{}('a') | TypeError | [{}] expected a DeviceType, not 'a'
diag | mx.{}(big) | ValueError | [{}] array must be 1-D or 2-D, got array with 3 dimensions
diagonal trace | mx.{}(i) | ValueError | [{}] Array must have at least two dimensions, but got 1 dimensions
diagonal | mx.{}(f, 0, 0, 2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
diagonal | mx.{}(f,0,1,1) | ValueError | [{}] axis1 and axis2 cannot be the same axis
diff | mx.{}(f, n=-1) | ValueError | [{}] n must not be negative, but is -1
diff | mx.{}(s) | IndexError | [{}] Axis -1 is out of bounds for an array with 0 dimensions
divmod floor_divide remainder | mx.{}(z, z) | ValueError | [{}] Complex type not supported
einsum einsum_path=einsum | mx.{}('ij,jk', f, f) | ValueError | [{}] Cannot broadcast dimension 0 of input 1 with shape (2,3) to size \
3, which subscript
einsum | mx.{}('ij', i) | ValueError | [{}] Invalid number of subscripts 2 for input 0 with 1 dimensions
empty=full zeros=full random.gumbel=bits | mx.{}((-1,)) | ValueError | [{}] Negative dimensions not allowed
expand_dims | mx.{}(f, 4) | IndexError | [{}] Axis 4 is out of bounds for array with 3 dimensions
expand_dims | mx.{}(f, (0, 0)) | ValueError | [{}] Received duplicate axes
export_to_dot= | mx.{}('/nowhere/x', f) | FileNotFoundError | [Errno 2] No such file or directory: '/nowhere/x'
eye identity=eye tri | mx.{}(-1) | ValueError | [{}] N and M must be positive integers
finfo | mx.{}(mx.int8) | ValueError | [{}] int8 is not a floating point dtype
flatten | mx.{}(f, 2) | ValueError | [{}] start_axis must be less than or equal to end_axis
flatten | mx.{}(f, 1, 0) | ValueError | [{}] start_axis must be less than or equal to end_axis
flip unstack | mx.{}(f, axis=2) | IndexError | [{}] Axis 2 is out of bounds for an array with 2 dimensions
from_dlpack | mx.{}(1) | TypeError | [{}] <class 'int'> has no __dlpack__
full | mx.{}((-1,), 0) | ValueError | [{}] Negative dimensions not allowed
full=broadcast_to | mx.{}((2,), mx.ones(3)) | ValueError | [{}] Cannot broadcast array of shape (3,) into shape (2,)
full_like=broadcast_to | mx.{}(f, mx.ones(2)) | ValueError | [{}] Cannot broadcast array of shape (2,) into shape (2,3)
grad | mx.{}(lambda x: x)(f) | ValueError | [{}] Expected a function that returns a scalar first, but it returned shape (2,3)
grad | mx.{}(lambda x: x.sum(), argnums=1)(f) | ValueError | [{}] Can't compute the gradient of argument index 1 because the function \
is called with 1
hadamard_transform | mx.{}(mx.ones(5)) | ValueError | [{}] Only supports n = m*2^k where m in (1, 12, 20, 28) along the last axis,
hamming | mx.{}(None) | TypeError | [{}] 'NoneType' object cannot be interpreted as an integer
iinfo | mx.{}(mx.float32) | ValueError | [{}] float32 is not an integer dtype
inner | mx.{}(f, mx.ones(2)) | ValueError | [{}] a and b must have the same last dimension
isdtype | mx.{}(mx.int8, 'x') | ValueError | [{}] There is no kind 'x'
jvp | mx.{}(mx.sin, [f], [i]) | ValueError | [{}] Primal 0 has shape (2,3) but its tangent has shape (3,)
jvp | mx.{}(mx.sin, [f], []) | ValueError | [{}] 1 primals but 0 tangents were given
linspace | mx.{}(0, 1, -1) | ValueError | [{}] number of samples, -1, must be non-negative
linspace | mx.{}('a', 1) | TypeError | [{}] must be real number, not str
load | mx.{}('/nowhere.npy') | RuntimeError | [{}] Failed to open /nowhere.npy: No such file or directory
load | mx.{}('x.unknown') | ValueError | [{}] Unknown file format unknown: npy, npz, safetensors and gguf are known
masked_scatter | mx.{}(f, f, f) | TypeError | [{}] The mask must be bool, not float32
matmul | mx.{}(f, s) | ValueError | [{}] Got 0 dimension input. Inputs must have at least one dimension
matrix_transpose linalg.diagonal linalg.matrix_norm linalg.matrix_rank linalg.matrix_transpose linalg.svdvals linalg.trace | mx.{}(i) | \
ValueError | [{}] The array must have at least 2 dimensions, not 1
max | mx.{}(e) | ValueError | [{}] Cannot max reduce over axis 0 with size 0
meshgrid | mx.{}(i, indexing='x') | ValueError | [{}] Invalid indexing value. Valid values are 'xy' and 'ij'
min | mx.{}(e) | ValueError | [{}] Cannot min reduce over axis 0 with size 0
moveaxis | mx.{}(f, 2, 0) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
negative | mx.{}(b) | ValueError | [{}] Not supported for bool, use logical_not instead
new_stream=device set_default_device=device | mx.{}(mx.gpu) | ValueError | [{}] Device(gpu, 0) is not available: this process has no \
GPU backend
nonzero | mx.{}(s) | ValueError | [{}] The array must have at least 1 dimension, not 0
ones=full | mx.{}((2, -1)) | ValueError | [{}] Negative dimensions not allowed
pad | mx.{}(f, (1, 2, 3)) | ValueError | [{}] Invalid pad_width (1, 2, 3): it takes an integer, a pair, or a pair for each dimension
pad | mx.{}(f, -1) | ValueError | [{}] Invalid low padding size (-1) passed to pad for axis 0. Padding sizes must be
pad | mx.{}(f, 1, mode='x') | ValueError | [{}] Invalid padding mode (x) passed to pad
permute_dims=transpose transpose | mx.{}(f, (0,)) | ValueError | [{}] Received 1 axes for array with 2 dimensions
printoptions | mx.{}(precision='a') | TypeError | [{}] 'str' object cannot be interpreted as an integer
put_along_axis | mx.{}(f, i, i, axis=2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
put_along_axis | mx.{}(f, i, f, axis=0) | ValueError | [{}] Indices of dimension 1 does not match array of dimension 2
repeat | mx.{}(f, -1) | ValueError | [{}] Number of repeats cannot be negative
repeat split | mx.{}(f, 2, axis=2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
reshape | mx.{}(f, (4,)) | ValueError | [{}] Cannot reshape array of size 6 into shape (4,)
reshape | mx.{}(f, (-1, -1)) | ValueError | [{}] Reshape can only infer one dimension
result_type | mx.{}() | ValueError | [{}] At least one array or dtype is needed
result_type | mx.{}('a') | TypeError | [{}] expected a Dtype, not 'a'
roll topk | mx.{}(f, 1, axis=2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
save | mx.{}('/nowhere/x.npy', f) | RuntimeError | [{}] Failed to open /nowhere/x.npy for writing: No such file or directory
save_gguf=save | mx.{}('/nowhere/x.gguf', dict()) | RuntimeError | [{}] Failed to open /nowhere/x.gguf for writing: No such file or directory
save_safetensors=save | mx.{}('/nowhere/x.safetensors', dict()) | RuntimeError | [{}] Failed to open /nowhere/x.safetensors for writing: No \
such file or directory
savez=save savez_compressed=save | mx.{}('/nowhere/x.npz', f) | RuntimeError | [{}] Failed to open /nowhere/x.npz for writing: No such \
file or directory
searchsorted | mx.{}(f, i) | ValueError | [{}] The sorted sequence must be 1-D but has 2 dimensions
searchsorted | mx.{}(i, i, side='x') | ValueError | [{}] Invalid side 'x'. Expected 'left' or 'right'
segmented_mm | mx.{}(f, f, i) | ValueError | [{}] Takes an (M, K) and a (K, N) matrix, not shapes (2,3) and (2,3)
set_cache_limit set_memory_limit set_wired_limit | mx.{}(-1) | OverflowError | [{}] can't convert negative value to size_t
set_default_stream | mx.{}('a') | TypeError | [{}] expected a Stream, not 'a'
signbit | mx.{}(z) | ValueError | [{}] Complex numbers have no sign
slice | mx.{}(f, mx.array([0]), (0,), (3, 1)) | ValueError | [{}] Invalid slice size (3,1) for array with shape (2,3)
slice | mx.{}(f, mx.array([0.5]), (0,), (1, 1)) | ValueError | [{}] The start indices must be integers, not float32
slice_update | mx.{}(f, mx.ones((3, 3)), mx.array([0]), (0,)) | ValueError | [{}] Invalid update shape (3,3) for array with shape (2,3)
split | mx.{}(f, 2, axis=1) | ValueError | [{}] Array split does not result in sub arrays with equal size: attempting 2 splits along
split | mx.{}(f, 0) | ValueError | [{}] num_splits must be positive and non-zero but got 0
squeeze | mx.{}(f, 0) | ValueError | [{}] Cannot squeeze axis 0 with size 2 which is not equal to 1
squeeze fft.fftshift fft.ifftshift | mx.{}(f, 2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
squeeze | mx.{}(mx.ones((1,2)),(0,0)) | ValueError | [{}] Duplicate axes detected: axis 0 is given twice
stack | mx.{}([]) | ValueError | [{}] No arrays provided for stacking
stack | mx.{}([f, i]) | ValueError | [{}] All arrays must have the same shape
stack | mx.{}([f], axis=3) | IndexError | [{}] Axis 3 is out of bounds for array with 3 dimensions
stream synchronize | mx.{}('a') | TypeError | [{}] expected a Stream, a Device or a DeviceType, not 'a'
swapaxes | mx.{}(f, 0, 2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
take | mx.{}(f, f) | ValueError | [{}] Got indices with invalid dtype float32. Indices must be integral
take | mx.{}(f, i, axis=2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
take=gather | mx.{}(f, mx.array([6])).tolist() | IndexError | [{}] Index 6 is out of bounds for axis 0 with size 6
take_along_axis | mx.{}(f, mx.zeros((2, 2)), axis=1) | ValueError | [{}] Got indices with invalid dtype float32. Indices must be integral
take_along_axis | mx.{}(f, i, axis=3) | IndexError | [{}] Axis 3 is out of bounds for array with 2 dimensions
take_along_axis | mx.{}(f,i,axis=1) | ValueError | [{}] Indices of dimension 1 does not match array of dimension 2
tensordot | mx.{}(f, f, 1) | ValueError | [{}] a and b must have the same shape on the contracted axes
tensordot | mx.{}(f, f, ((0,), (0, 1))) | ValueError | [{}] axes must have the same size
tensordot | mx.{}(f,f,3) | ValueError | [{}] axis must be less than the number of dimensions of a and b
tile | mx.{}(f, (-1,)) | ValueError | [{}] Negative repetitions not allowed
topk | mx.{}(f, 4) | ValueError | [{}] Received invalid k=4 along axis -1 for array with shape: (2,3)
trace=diagonal | mx.{}(f,0,0,3) | IndexError | [{}] Axis 3 is out of bounds for array with 2 dimensions
transpose | mx.{}(f, (0, 0)) | ValueError | [{}] Repeat axes not allowed
transpose | mx.{}(f, (0, 2)) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
tril triu | mx.{}(i) | ValueError | [{}] array must be at least 2-D
unflatten | mx.{}(f, 1, (2, 2)) | ValueError | [{}] Cannot unflatten axis 1 with size 3 into shape (2,2)
unflatten | mx.{}(f, 2, (1,)) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
unique | mx.{}(i, -1) | ValueError | [{}] Received negative size -1
unique | mx.{}(e, 2) | ValueError | [{}] A fill value is required for an empty input with a non-zero size
unstack | mx.{}(s) | IndexError | [{}] Axis 0 is out of bounds for an array with 0 dimensions
value_and_grad=grad | mx.{}(lambda x: 1)(f) | ValueError | [{}] The function returned no array to differentiate
vecdot linalg.vecdot | mx.{}(f, mx.ones(2)) | ValueError | [{}] a and b must have the same size along axis
vecdot=sum | mx.{}(f, f, axis=2) | IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
view | mx.{}(mx.ones((2, 3), dtype=mx.int8), mx.int16) | ValueError | [{}] When viewing as a larger dtype, the size in bytes of the \
last axis must be a multiple
view | mx.{}(s, mx.int8) | ValueError | [{}] Changing the type of a scalar is only allowed for types with the same size: float32 to
vjp | mx.{}(mx.sin, [f], [i]) | ValueError | [{}] Output 0 has shape (2,3) but its cotangent has shape (3,)
vjp | mx.{}(1, [f], [f]) | TypeError | [{}] 'int' object is not callable
vmap | mx.{}(mx.sin, in_axes=2)(f) | IndexError | [{}] Axis 2 is out of bounds for an array with 2 dimensions
vmap | mx.{}(mx.add)(f, i) | ValueError | [{}] The mapped dimensions differ: 2 and 3
where | mx.{}(b, f, f) | ValueError | [{}] Shapes (2,) and (2,3) cannot be broadcast
zeros | mx.{}(2, dtype='float32') | TypeError | [{}] expected a Dtype, not 'float32'
fft.fft=fftn fft.hfft=irfftn fft.ifft=ifftn fft.ihfft=rfftn fft.irfft=irfftn fft.rfft=rfftn | mx.{}(f, n=0) | ValueError | [{}] Invalid \
FFT output size requested (0) along axis 1 of an array of shape (2,3)
fft.fft2=fftn fft.fftn fft.ifft2=ifftn fft.ifftn fft.irfft2=irfftn fft.irfftn fft.rfft2=rfftn fft.rfftn | mx.{}(f, axes=(0, 2)) | \
IndexError | [{}] Axis 2 is out of bounds for array with 2 dimensions
fft.fft2=fftn fft.fftn fft.ifft2=ifftn fft.ifftn fft.irfft2=irfftn fft.irfftn fft.rfft2=rfftn fft.rfftn | mx.{}(f, s=(2,), axes=(0, 1)) \
| ValueError | [{}] Shape and axes have different sizes: 1 and 2
fft.fftfreq | mx.{}(0) | ValueError | [{}] `n` must be greater than 0, not 0
fft.istft fft.stft | mx.{}(f, 0) | ValueError | [{}] n_fft must be positive, not 0
fft.rfftfreq | mx.{}(2, 0) | ValueError | [{}] `d` must be non-zero
linalg.cholesky linalg.cholesky_inv linalg.det linalg.eig linalg.eigh linalg.eigvals linalg.inv linalg.slogdet linalg.tri_inv | \
mx.{}(f) | ValueError | [{}] Only defined for square matrices. Received array with shape (2,3)
linalg.cross | mx.{}(f, mx.ones((2, 4))) | ValueError | [{}] The specified axis must have size 2 or 3, not 4
linalg.eigvalsh | mx.{}(mx.eye(2), UPLO='x') | ValueError | [{}] UPLO must be 'L' or 'U', not 'x'
linalg.lu linalg.lu_factor linalg.pinv linalg.qr linalg.svd | mx.{}(i) | ValueError | [{}] Arrays must have >= 2 dimensions. Received \
array with 1 dimensions
linalg.matrix_power | mx.{}(f, 2) | ValueError | [{}] The matrices must be square, not 2 by 3
linalg.norm | mx.{}(f, 'x') | ValueError | [{}] Invalid ord value 'x' for matrix norm
linalg.outer | mx.{}('a', i) | TypeError | [{}] An array cannot be made of <class 'str'>
linalg.qr | mx.{}(f, mode='x') | ValueError | [{}] mode must be 'reduced' or 'complete', not 'x'
linalg.solve linalg.solve_triangular | mx.{}(f, f) | ValueError | [{}] First input must be a square matrix. Received array with shape \
(2,3)
linalg.solve | mx.{}(mx.eye(2), mx.ones(3)) | ValueError | [{}] Last dimension of first input with shape (2,2) must match second to last
linalg.tensordot | mx.{}(f, f, axes=1) | ValueError | [{}] a and b must have the same shape on the contracted axes
random.bernoulli | mx.{}(mx.ones(2), (3,)) | ValueError | [{}] Shapes (3,) and (2,) cannot be broadcast
random.categorical | mx.{}(f, axis=2) | IndexError | [{}] Invalid axis 2 for logits with 2 dimensions
random.categorical | mx.{}(f, shape=(2,), num_samples=2) | ValueError | [{}] At most one of shape and num_samples can be given
random.laplace | mx.{}((2,), dtype=mx.int8) | ValueError | [{}] Can only generate with real floating point type, not int8
random.multivariate_normal | mx.{}(i, f) | ValueError | [{}] last two dimensions of cov must be equal
random.normal | mx.{}((2,), dtype=mx.int32) | ValueError | [{}] Only floating point and complex64 types are supported, not int32
random.permutation | mx.{}(s) | IndexError | [{}] Axis 0 is out of bounds for array with 0 dimensions
random.permutation=bits | mx.{}(-1) | ValueError | [{}] Negative dimensions not allowed
random.randint | mx.{}(0, 2, (2,), dtype=mx.float32) | ValueError | [{}] randint only accepts integer dtypes and bool, not float32
random.split=bits | mx.{}(f) | ValueError | [{}] Expected key shape (2,) but received (2,3)
random.split=bits | mx.{}(k, -1) | ValueError | [{}] Negative dimensions not allowed
random.truncated_normal=trunc_normal | mx.{}(0, 1, (2,), dtype=mx.int32) | ValueError | [{}] Can only generate with real floating point \
type, not int32
random.uniform=bits | mx.{}(shape=(-1,)) | ValueError | [{}] Negative dimensions not allowed
random.uniform | mx.{}(dtype=mx.int32) | ValueError | [{}] Can only generate uniform numbers with real floating point type, not int32
random.uniform=bits | mx.{}(key=f) | ValueError | [{}] Expected key shape (2,) but received (2,3)
"""


def rows():
    for line in TABLE.strip().replace("\\\n", "").splitlines():
        functions, call, error, text = line.split(" | ", 3)
        for function in functions.split():
            name, _, op = function.partition("=")
            yield pytest.param(name, call.replace("{}", name), error, text.replace("{}", op or name), id=f"{name}: {call.replace('{}', '')}")


def operation(text):
    """The text's operation as it may be written: linalg::inv, linalg.inv, inv."""
    head, bracket, rest = text.partition("]")
    return [text] if "." not in head or not bracket else [head.replace(".", "::") + "]" + rest, text, "[" + head.rpartition(".")[2] + "]" + rest]


@pytest.mark.parametrize("name, call, error, text", list(rows()))
def test_bad_input_is_named(name, call, error, text):
    with pytest.raises(Exception) as caught:
        got = eval(call, dict(GIVEN))
        mx.eval(got)
    assert type(caught.value).__name__ == error, caught.value
    assert any(form in str(caught.value) for form in operation(text)), caught.value


def test_every_function_has_a_row():
    named = {row.values[0] for row in rows()} | set(NO_BAD_INPUT)
    for prefix, module in (("", mx), ("linalg.", mx.linalg), ("fft.", mx.fft), ("random.", mx.random)):
        functions = {n for n in dir(module) if type(getattr(module, n)) is type(mx.add) and not n.startswith("_")}
        assert sorted({prefix + n for n in functions} - named) == []


def test_exceptions_of_the_callers_code_stay_as_they_are():
    class Index:
        def __index__(self):
            raise ValueError("mine")

    for call in (lambda: mx.zeros(Index()), lambda: mx.grad(lambda x: x + {}["no"])(mx.array(1.0)), lambda: mx.vmap(lambda x: int("y"))(mx.ones(2))):
        with pytest.raises((ValueError, KeyError)) as caught:
            call()
        assert re.fullmatch("mine|'no'|invalid literal.*", str(caught.value))
