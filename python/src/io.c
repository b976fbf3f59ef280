/* io.c: saving and loading: paths, or Python file objects through readers and writers. */
#include "core.h"

#include <string.h>

/* A path as bytes, or NULL with *file set when it is a file object. */
static PyObject *path_of(PyObject *o, const char *suffix, bool *is_file) {
  *is_file = PyObject_HasAttrString(o, "read") || PyObject_HasAttrString(o, "write");
  if (*is_file) return NULL;
  PyObject *bytes = NULL;
  if (!PyUnicode_FSConverter(o, &bytes)) return NULL;
  size_t n = strlen(PyBytes_AS_STRING(bytes)), k = suffix ? strlen(suffix) : 0;
  if (k && (n < k || strcmp(PyBytes_AS_STRING(bytes) + n - k, suffix))) {
    PyObject *more = PyBytes_FromStringAndSize(suffix, (Py_ssize_t)k);
    if (more) PyBytes_ConcatAndDel(&bytes, more);
  }
  return bytes;
}

/* A file object's whole content as a reader. */
struct memory {
  PyObject *bytes;
  size_t at;
  bool good;
};
static bool memory_open(void *p) { return (void)p, true; }
static bool memory_good(void *p) { return ((struct memory *)p)->good; }
static size_t memory_tell(void *p) { return ((struct memory *)p)->at; }
static void memory_seek(void *p, int64_t off, int whence) {
  struct memory *m = p;
  int64_t size = PyBytes_GET_SIZE(m->bytes);
  m->at = (size_t)(whence == 2 ? size + off : whence == 1 ? (int64_t)m->at + off : off);
}
static void memory_read_at(void *p, char *data, size_t n, size_t off) {
  struct memory *m = p;
  size_t size = (size_t)PyBytes_GET_SIZE(m->bytes);
  m->good = off <= size && n <= size - off;
  if (m->good) memcpy(data, PyBytes_AS_STRING(m->bytes) + off, n);
}
static void memory_read(void *p, char *data, size_t n) {
  struct memory *m = p;
  memory_read_at(p, data, n, m->at);
  m->at += n;
}
/* Writing goes straight to the object; its exception stays pending. */
static bool writer_good(void *p) { return (void)p, !PyErr_Occurred(); }
static void writer_write(void *p, const char *data, size_t n) {
  PyObject *r = PyErr_Occurred() ? NULL : PyObject_CallMethod(p, "write", "y#", data, (Py_ssize_t)n);
  Py_XDECREF(r);
}
static const char *label(void *p) { return (void)p, "file object"; }
static void no_write(void *p, const char *d, size_t n) { (void)p, (void)d, (void)n; }
static void no_read(void *p, char *d, size_t n) { (void)p, (void)d, (void)n; }
static void no_read_at(void *p, char *d, size_t n, size_t o) { (void)p, (void)d, (void)n, (void)o; }
static void no_seek(void *p, int64_t o, int w) { (void)p, (void)o, (void)w; }
static size_t no_tell(void *p) { return (void)p, 0; }
static const mlx_io_vtable reads = {memory_open, memory_good, memory_tell, memory_seek, memory_read, memory_read_at, no_write, label, NULL};
static const mlx_io_vtable writes = {memory_open, writer_good, no_tell, no_seek, no_read, no_read_at, writer_write, label, NULL};

static PyObject *map_dict(mlx_map_string_to_array m) {
  PyObject *d = PyDict_New();
  const char *key;
  mlx_array a = mlx_array_new();
  mlx_map_string_to_array_iterator it = mlx_map_string_to_array_iterator_new(m);
  while (d && !mlx_map_string_to_array_iterator_next(&key, &a, it)) {
    mlx_array h = mlx_array_new();
    mlx_array_set(&h, a);
    PyObject *x = array_take(h);
    if (!x || PyDict_SetItemString(d, key, x)) Py_CLEAR(d);
    Py_XDECREF(x);
  }
  mlx_array_free(a);
  mlx_map_string_to_array_iterator_free(it);
  return d;
}
static PyObject *text_dict(mlx_map_string_to_string m) {
  PyObject *d = PyDict_New();
  const char *key, *value;
  mlx_map_string_to_string_iterator it = mlx_map_string_to_string_iterator_new(m);
  while (d && !mlx_map_string_to_string_iterator_next(&key, &value, it)) {
    PyObject *x = PyUnicode_FromString(value);
    if (!x || PyDict_SetItemString(d, key, x)) Py_CLEAR(d);
    Py_XDECREF(x);
  }
  mlx_map_string_to_string_iterator_free(it);
  return d;
}

enum format { NPY, NPZ, SAFETENSORS, UNKNOWN };
static enum format format_of(PyObject *given, const char *path) {
  const char *f = given && given != Py_None ? PyUnicode_AsUTF8(given) : path ? strrchr(path, '.') : NULL;
  if (!f) return UNKNOWN;
  if (*f == '.') f++;
  return !strcmp(f, "npy") ? NPY : !strcmp(f, "npz") ? NPZ : !strcmp(f, "safetensors") ? SAFETENSORS : UNKNOWN;
}

static PyObject *load_any(enum format f, const char *path, mlx_io_reader reader, bool metadata) {
  mlx_stream s = {NULL};
  mlx_array a = mlx_array_new();
  mlx_map_string_to_array m = {NULL};
  mlx_map_string_to_string t = {NULL};
  int status = f == NPY   ? (path ? mlx_load(&a, path, s) : mlx_load_reader(&a, reader, s))
               : f == NPZ ? (path ? mlx_ravel_load_npz(&m, path) : mlx_ravel_load_npz_reader(&m, reader))
                          : (path ? mlx_load_safetensors(&m, &t, path, s) : mlx_load_safetensors_reader(&m, &t, reader, s));
  PyObject *r = status ? raise_error() : f == NPY ? array_take(a) : map_dict(m);
  if (r && metadata && f == SAFETENSORS) r = Py_BuildValue("(NN)", r, text_dict(t));
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_string_free(t);
  return r;
}

static PyObject *do_load(const struct function *fn, PyObject **v) { /* file, format, return_metadata, stream */
  (void)fn;
  bool is_file, metadata;
  if (to_bool(v[2], &metadata, false)) return NULL;
  PyObject *path = path_of(v[0], NULL, &is_file), *r = NULL;
  if (!path && !is_file) return NULL;
  PyObject *name = is_file && (!v[1] || v[1] == Py_None) ? PyObject_GetAttrString(v[0], "name") : NULL;
  PyErr_Clear();
  const char *guess = path ? PyBytes_AS_STRING(path) : name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
  enum format f = format_of(v[1], guess);
  if (PyErr_Occurred()) {
  } else if (f == UNKNOWN) {
    PyErr_Format(PyExc_ValueError, "[load] The format of %R is not known here: npy, npz and safetensors are.", v[0]);
  } else if (path) {
    r = load_any(f, PyBytes_AS_STRING(path), (mlx_io_reader){NULL}, metadata);
  } else {
    struct memory m = {PyObject_CallMethod(v[0], "read", NULL), 0, true};
    if (m.bytes && !PyBytes_Check(m.bytes)) PyErr_SetString(PyExc_TypeError, "[load] The file object must be opened in binary mode.");
    else if (m.bytes) {
      mlx_io_reader reader = mlx_io_reader_new(&m, reads);
      r = load_any(f, NULL, reader, metadata);
      mlx_io_reader_free(reader);
    }
    Py_XDECREF(m.bytes);
  }
  Py_XDECREF(name);
  Py_XDECREF(path);
  return r;
}

static PyObject *do_save(const struct function *fn, PyObject **v) { /* file, arr */
  (void)fn;
  bool is_file;
  mlx_array h, made = mlx_array_new();
  PyObject *path = path_of(v[0], ".npy", &is_file);
  if ((!path && !is_file) || to_array(v[1], &h, &made)) return Py_XDECREF(path), NULL;
  int status;
  if (path) status = mlx_save(PyBytes_AS_STRING(path), h);
  else {
    mlx_io_writer w = mlx_io_writer_new(v[0], writes);
    status = mlx_save_writer(w, h);
    mlx_io_writer_free(w);
  }
  Py_XDECREF(path);
  mlx_array_free(made);
  CHECK(status);
  Py_RETURN_NONE;
}

static int insert(mlx_map_string_to_array m, const char *key, PyObject *value) {
  mlx_array h, made = mlx_array_new();
  if (!key || to_array(value, &h, &made)) return -1;
  int status = mlx_map_string_to_array_insert(m, key, h);
  mlx_array_free(made);
  if (status) raise_error();
  return status;
}

static PyObject *do_savez(const struct function *fn, PyObject **v) { /* file, *args, **kwargs */
  bool is_file, compress = !strcmp(fn->name, "savez_compressed");
  PyObject *path = path_of(v[0], ".npz", &is_file), *key, *value;
  if (!path && !is_file) return NULL;
  mlx_map_string_to_array m = mlx_map_string_to_array_new();
  int bad = 0, status = 0;
  Py_ssize_t at = 0;
  while (!bad && v[2] && PyDict_Next(v[2], &at, &key, &value)) bad = insert(m, PyUnicode_AsUTF8(key), value);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(v[1]) && !bad; i++) {
    char name[32];
    snprintf(name, sizeof name, "arr_%zd", i);
    if (v[2] && PyDict_GetItemString(v[2], name)) bad = -1, PyErr_Format(PyExc_ValueError, "[savez] The name %s is given twice.", name);
    else bad = insert(m, name, PyTuple_GET_ITEM(v[1], i));
  }
  if (!bad && path) status = mlx_ravel_save_npz(PyBytes_AS_STRING(path), m, compress);
  else if (!bad) {
    mlx_io_writer w = mlx_io_writer_new(v[0], writes);
    status = mlx_ravel_save_npz_writer(w, m, compress);
    mlx_io_writer_free(w);
  }
  Py_XDECREF(path);
  mlx_map_string_to_array_free(m);
  if (bad) return NULL;
  CHECK(status);
  Py_RETURN_NONE;
}

static PyObject *do_save_safetensors(const struct function *fn, PyObject **v) { /* file, arrays, metadata */
  (void)fn;
  bool is_file;
  if (!PyDict_Check(v[1])) return PyErr_Format(PyExc_TypeError, "[save_safetensors] expected a dict of arrays, not %R", Py_TYPE(v[1]));
  PyObject *path = path_of(v[0], ".safetensors", &is_file), *key, *value;
  if (!path && !is_file) return NULL;
  mlx_map_string_to_array m = mlx_map_string_to_array_new();
  mlx_map_string_to_string t = mlx_map_string_to_string_new();
  int bad = 0, status = 0;
  Py_ssize_t at = 0;
  while (!bad && PyDict_Next(v[1], &at, &key, &value)) bad = insert(m, PyUnicode_AsUTF8(key), value);
  at = 0;
  while (!bad && v[2] && v[2] != Py_None && PyDict_Next(v[2], &at, &key, &value)) {
    const char *k = PyUnicode_AsUTF8(key), *x = k ? PyUnicode_AsUTF8(value) : NULL;
    bad = !x || mlx_map_string_to_string_insert(t, k, x);
  }
  if (!bad && path) status = mlx_save_safetensors(PyBytes_AS_STRING(path), m, t);
  else if (!bad) {
    mlx_io_writer w = mlx_io_writer_new(v[0], writes);
    status = mlx_save_safetensors_writer(w, m, t);
    mlx_io_writer_free(w);
  }
  Py_XDECREF(path);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_string_free(t);
  if (bad) return NULL;
  CHECK(status);
  Py_RETURN_NONE;
}

const struct function io_functions[] = {
#include "io.def"
    {0}};
